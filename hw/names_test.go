package hw_test

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"periph.io/x/host/v3/gpioioctl"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// pi5 is like a Raspberry Pi 5: several chips, lines without a name, and a duplicate name.
func pi5() *hwtest.Board {
	b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO6", "GPIO22", "GPIO27", "ID_SDA", "GPIO7", "GPIO8", "GPIO9", "GPIO10", "-")
	b.AddChip("gpiochip10", "gpio-brcmstb@107d508500", "", "2712_WAKE", "", "")
	b.AddChip("gpiochip11", "gpio-brcmstb@107d517c00", "2712_WAKE")
	return b
}

func TestLinesByNameAndByChipAndNumber(t *testing.T) {
	for spec, want := range map[string]string{
		"GPIO5":        "gpiochip0:1",
		"gpiochip0:1":  "gpiochip0:1",
		"gpiochip10:1": "gpiochip10:1",
		"gpiochip10:2": "gpiochip10:2", // the second of three without a name
		"gpiochip11:0": "gpiochip11:0",
	} {
		b := pi5()
		w := wiring()
		w.Buttons[0].Line = spec
		open(t, b, w)
		if !b.Held(want) {
			t.Errorf("%s: %s was not taken", spec, want)
		}
	}
}

func TestLinesThatCantBeFound(t *testing.T) {
	for spec, want := range map[string]string{
		"":             "button 1: no line given: write its name (GPIO5), or chip and number (gpiochip0:5)",
		"GPIO99":       "button 1: line GPIO99 not found; there are GPIO9, GPIO4, GPIO5, GPIO6, GPIO22, GPIO27, GPIO7, GPIO8 and 3 more",
		"gpio5":        "button 1: line gpio5 not found; there are GPIO5, GPIO4, GPIO6, GPIO22, GPIO27, GPIO7, GPIO8, GPIO9 and 3 more",
		"2712_WAKE":    "button 1: there are 2 lines named 2712_WAKE: write gpiochip10:1 or gpiochip11:0",
		"gpiochip0:11": "button 1: line gpiochip0:11 not found; gpiochip0 has lines 0 to 10",
		"gpiochip0:x":  `button 1: line gpiochip0:x: "x" is not the number of a line`,
		"gpiochip0:":   `button 1: line gpiochip0:: "" is not the number of a line`,
		"gpiochip0:-1": `button 1: line gpiochip0:-1: "-1" is not the number of a line`,
		"gpiochip4:5":  "button 1: line gpiochip4:5 not found; there is no chip gpiochip4, but gpiochip0 (pinctrl-bcm2711), gpiochip10 (gpio-brcmstb@107d508500), gpiochip11 (gpio-brcmstb@107d517c00)",
		"GPIO27":       "button 1: line GPIO27 is already the light",
		"gpiochip0:4":  "button 1: line gpiochip0:4 is already the light",
	} {
		b := pi5()
		w := wiring()
		w.Buttons[0].Line = spec
		if _, err := hw.OpenOn(b, w); err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", spec, err, want)
		}
		if b.Held("GPIO27") {
			t.Errorf("%q: the light was left taken", spec)
		}
	}
}

func TestMissingLineTellsOfChipsThatWereRefused(t *testing.T) {
	b := pi5()
	b.Refuse(syscall.EACCES)
	w := wiring()
	open(t, b, w).Close()
	w.Light.Line = "GPIO99"
	if _, err := hw.OpenOn(b, w); !errors.Is(err, syscall.EACCES) {
		t.Errorf("Open: %v", err)
	}
	if err := hw.LightsOutOn(b, w); !errors.Is(err, syscall.EACCES) {
		t.Errorf("LightsOut: %v", err)
	}
}

func TestAllWiringErrorsAtOnce(t *testing.T) {
	_, err := hw.OpenOn(pi5(), hw.Wiring{Light: hw.Output{Line: "GPIO98"}, Door: &hw.Input{},
		Sense: &hw.Input{Line: "GPIO97"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"light: line GPIO98 ", "door: no line", "sense line: line GPIO97 ", "no button"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in: %v", want, err)
		}
	}
}

func TestOpenThatFailsReleasesWhatItTook(t *testing.T) {
	for _, op := range []hwtest.Op{hwtest.Request, hwtest.Read} {
		b := hwtest.NewBoard("GPIO4", "GPIO5", "GPIO22", "GPIO23", "GPIO27")
		w := wiring()
		w.Sense = &hw.Input{Line: "GPIO22"}
		w.Status = &hw.Output{Line: "GPIO23"}
		w.Door = &hw.Input{Line: "GPIO4"}
		b.Fail("GPIO4", op, syscall.EIO)
		if _, err := hw.OpenOn(b, w); !errors.Is(err, syscall.EIO) {
			t.Errorf("Open: %v", err)
		}
		for _, line := range []string{"GPIO4", "GPIO5", "GPIO22", "GPIO23", "GPIO27"} {
			if b.Held(line) {
				t.Errorf("%s is still held", line)
			}
		}
	}
}

func TestBusyLineSaysWhoHoldsIt(t *testing.T) {
	b := hwtest.NewBoard("GPIO5", "GPIO27")
	open(t, b, wiring())
	if _, err := hw.OpenOn(b, wiring()); err == nil || !strings.Contains(err.Error(), "take line GPIO27: ") {
		t.Errorf("second Open: %v", err)
	}
	busy := errors.New("LineSetFromConfig: device or resource busy")
	if err := hw.Explain(busy, hw.LineInfo{Consumer: "w1"}); !strings.Contains(err.Error(), "w1 held it") {
		t.Errorf("held by a known one: %v", err)
	}
	if err := hw.Explain(busy, hw.LineInfo{}); !strings.Contains(err.Error(), "gpioinfo") {
		t.Errorf("held by an unknown one: %v", err)
	}
}

// periph puts the chip before a duplicate name, which would hide the duplicate.
func TestPeriphsNewNamesAreUndone(t *testing.T) {
	for name, want := range map[string]string{
		"GPIO5": "GPIO5", "gpiochip11-2712_WAKE": "2712_WAKE", "gpiochip10-X": "gpiochip10-X", "": "",
	} {
		if got := hw.KernelName("gpiochip11", name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// periph finds the lines of a LineSet by name, and an empty name matches the first unnamed line.
func TestUnnamedLineIsMadeTheFirstOfItsName(t *testing.T) {
	var lines, before []*gpioioctl.GPIOLine
	for range 4 {
		lines = append(lines, &gpioioctl.GPIOLine{}) // none has a name
	}
	before = append(before, lines...)
	for n := range lines {
		name, restore := hw.Expose(lines, n)
		if name != "" || lines[0] != before[n] {
			t.Errorf("line %d is not the first", n)
		}
		restore()
		for i := range lines {
			if lines[i] != before[i] {
				t.Errorf("line %d did not go back to its place", i)
			}
		}
	}
}
