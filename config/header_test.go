package config

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"testing"
	"time"
)

// The header has each GPIO from 0 to 27 once, eight grounds, two pins of 3.3 V and two of 5 V.
func TestHeader(t *testing.T) {
	count := map[int]int{}
	for _, what := range headerPins[1:] {
		count[what]++
	}
	for n := range lastOnHeader + 1 {
		if count[n] != 1 {
			t.Errorf("GPIO%d has %d pins", n, count[n])
		}
	}
	if count[ground] != 8 || count[volt3] != 2 || count[volt5] != 2 {
		t.Errorf("%d grounds, %d of 3.3 V, %d of 5 V", count[ground], count[volt3], count[volt5])
	}
}

func TestHeaderPin(t *testing.T) {
	for line, want := range map[string]int{
		"GPIO5": 29, "GPIO27": 13, "GPIO0": 27, "GPIO28": 0, "gpiochip0:6": 31, "gpiochip4:6": 31, "gpiochip1:6": 0,
	} {
		if got := HeaderPin(line); got != want {
			t.Errorf("%s: pin %d, want %d", line, got, want)
		}
	}
}

// The table in hw/README.md and its drawing have the same pins.
func TestHeaderMatchesREADME(t *testing.T) {
	text, err := os.ReadFile("../hw/README.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, m := range regexp.MustCompile(`(?m)GPIO(\d+) +\((\d+)\)|\((\d+)\) +GPIO(\d+)`).FindAllStringSubmatch(string(text), -1) {
		gpio, _ := strconv.Atoi(m[1] + m[4])
		pin, _ := strconv.Atoi(m[2] + m[3])
		seen++
		if headerPins[pin] != gpio {
			t.Errorf("in the README pin %d is GPIO%d, in headerPins GPIO%d", pin, gpio, headerPins[pin])
		}
	}
	if seen < 6 {
		t.Errorf("only %d pins found in the README", seen)
	}
}

func TestPinOf(t *testing.T) {
	for wrote, pin := range map[string]int{
		"Pin 29": 29, "pin29": 29, "PIN_29": 29, "pin #29": 29, "header 29": 29, "J8:29": 29, "P1-29": 29, "BOARD29": 29,
		"physical 29": 29, "29": 29, "#29": 29, "029": 29,
		"pin 41": 0, "pin 0": 0, "GPIO29": 0, "BCM29": 0, "left": 0, "": 0, "pin": 0,
	} {
		if got := pinOf(wrote); got != pin {
			t.Errorf("%q is pin %d, want %d", wrote, got, pin)
		}
	}
}

func TestReservedLines(t *testing.T) {
	var reserved []int
	for n := range 60 {
		if lineOf(fmt.Sprintf("GPIO%d", n)).reservedFor() != "" {
			reserved = append(reserved, n)
		}
	}
	want := []int{0, 1, 2, 3, 14, 15}
	for n := 28; n < 60; n++ {
		want = append(want, n)
	}
	if !slices.Equal(reserved, want) {
		t.Errorf("reserved lines are %v", reserved)
	}
	for a, others := range map[string][]string{
		"GPIO5": {"GPIO5", "gpiochip0:5", "gpiochip4:5"}, "gpiochip0:5": {"GPIO5", "gpiochip0:5"},
		"gpiochip4:5": {"GPIO5", "gpiochip4:5"}, "gpiochip1:5": {"gpiochip1:5"},
	} {
		for _, b := range []string{"GPIO5", "GPIO6", "gpiochip0:5", "gpiochip1:5", "gpiochip4:5"} {
			if got := lineOf(a).same(lineOf(b)); got != slices.Contains(others, b) {
				t.Errorf("%s and %s may be one: %v", a, b, got)
			}
		}
	}
}

func TestGuessDuration(t *testing.T) {
	for wrote, want := range map[string]string{
		"45": "45m", "3600": "3600s", "12": "12m", "1.5": "1.5m", "90 min": "90m", "90min.": "90m", "1 hour": "1h",
		"1h 30m": "1h30m", "1 hour, 30 minutes": "1h30m", "1 hour and 5 min": "1h5m",
		"1,5 h": "1.5h", "45M": "45m", "2H": "2h", "never": "", "": "", "soon": "", "-5": "", "99999999999": "", "0": "",
		"1 fortnight": "", "45 m x": "", "2 days": "",
	} {
		if got := guessDuration(wrote, time.Minute, 12*time.Hour, "m", "s", "h"); got != want {
			t.Errorf("%q means %q, want %q", wrote, got, want)
		}
	}
	for wrote, want := range map[string]string{"30": "30d", "2 weeks": "14d", "3 months": "90d", "1 year": "365d",
		"none": "0s", "0": "0d", "999999999 years": ""} {
		if got := guessDuration(wrote, 0, 36500*day, "d"); got != want {
			t.Errorf("%q means %q, want %q", wrote, got, want)
		}
	}
}

func TestGuessNumber(t *testing.T) {
	for wrote, want := range map[string]int{"16000": 16000, "48k": 48000, "48 kHz": 48000, "44.1kHz": 44100,
		"44,1 khz": 44100, "48.000": 48000, "48,000": 48000, "48'000": 48000, "48000 Hz": 48000, "64 kbit/s": 64000,
		"many": -1, "": -1, "k": -1, "1.2.3": -1, "48M": -1} {
		got, ok := guessNumber(wrote)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q means %d, want %d", wrote, got, want)
		}
	}
}
