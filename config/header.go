package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// headerPins is what the pins 1 to 40 of a Raspberry Pi's header are: a GPIO's number, or the other
// things below.
var headerPins = [41]int{-1,
	volt3, volt5, 2, volt5, 3, ground, 4, 14, ground, 15,
	17, 18, 27, ground, 22, 23, volt3, 24, 10, ground,
	9, 25, 11, 8, ground, 7, 0, 1, 5, ground,
	6, 12, 13, ground, 19, 16, 26, 20, ground, 21,
}

const (
	ground = -2
	volt3  = -3
	volt5  = -5
)

// lastOnHeader is the highest GPIO that has a pin.
const lastOnHeader = 27

// pinName is how somebody writes a pin of the header, and not a GPIO.
var pinName = regexp.MustCompile(`^(?i:pin|header|board|j8|p1|phys|physical)[ _:#-]*0*([0-9]{1,2})$|^#?0*([0-9]{1,2})$`)

// pinOf is the pin of the header that s names; 0 if it names none.
func pinOf(s string) int {
	m := pinName.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	return realPin(m[1] + m[2])
}

func realPin(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n >= len(headerPins) {
		return 0
	}
	return n
}

// pinIs says what a pin of the header is, and what to write for it.
func pinIs(key string, pin int) (what, instead string) {
	n := headerPins[pin]
	switch n {
	case ground:
		what = fmt.Sprintf("pin %d of the header is ground", pin)
	case volt3:
		what = fmt.Sprintf("pin %d of the header is 3.3 V", pin)
	case volt5:
		what = fmt.Sprintf("pin %d of the header is 5 V", pin)
	default:
		return fmt.Sprintf("pin %d of the header is GPIO%d", pin, n), fmt.Sprintf(`write %s = "GPIO%d"`, key, n)
	}
	return what, "write the GPIO that the wire goes to; hw/README.md shows the header"
}

// gpioLine is a line, by its name or by its chip; chip is "" for one that is named.
type gpioLine struct {
	chip   string
	number int
}

func lineOf(name string) gpioLine {
	chip, digits, ok := strings.Cut(name, ":")
	if !ok {
		chip, digits = "", strings.TrimPrefix(name, "GPIO")
	}
	n, _ := strconv.Atoi(digits) // the form has been checked
	return gpioLine{chip, n}
}

// isHeader reports whether the line is one of the header's. The chip of the header is gpiochip0 on
// every board but the Raspberry Pi 5, where it has been gpiochip4 and gpiochip0, as the kernel had
// it.
func (l gpioLine) isHeader() bool {
	return l.chip == "" || l.chip == "gpiochip0" || l.chip == "gpiochip4"
}

// same reports whether two lines are, or may be, one.
func (l gpioLine) same(m gpioLine) bool {
	return l == m || l.number == m.number && l.isHeader() && m.isHeader() && (l.chip == "" || m.chip == "")
}

// kept says for what a board keeps a line of its header; "" for one that is free.
func (l gpioLine) kept() string {
	if !l.isHeader() {
		return ""
	}
	switch n := l.number; {
	case n == 0 || n == 1:
		return "belongs to the memory by which add-on boards are told, and is driven at boot"
	case n == 2:
		return "belongs to the I²C bus, and is pulled up hard"
	case n == 3:
		return "belongs to the I²C bus, is pulled up hard, and starts a board that was halted"
	case n == 14 || n == 15:
		return "belongs to the serial console, which drives it at boot"
	case n > lastOnHeader && l.chip == "":
		return "is on no pin of the header: a Raspberry Pi uses it itself"
	}
	return ""
}

// kept warns of a line that isn't free, or not on the header at all.
func (b block) kept(key, name string) {
	l := lineOf(name)
	if why := l.kept(); why != "" {
		instead := "take another: GPIO4 to GPIO6 for inputs, GPIO16 to GPIO27 for lights"
		if l.number > lastOnHeader && l.number < len(headerPins) && headerPins[l.number] >= 0 {
			instead = fmt.Sprintf(`write "GPIO%d" if pin %d of the header is meant; or `, headerPins[l.number],
				l.number) + instead
		}
		b.warn(key, name+" "+why, instead)
	}
	if strings.HasPrefix(l.chip, "gpiochip") {
		instead := "see with tacetd doctor, after each upgrade of the kernel, that it still is the right one"
		if l.isHeader() && l.number <= lastOnHeader {
			instead = fmt.Sprintf(`write "GPIO%d", unless two chips have lines of that name: tacetd doctor says so`, l.number)
		}
		b.warn(key, shown(name)+" counts chips, and the count changes with the kernel, as it did on the Raspberry Pi 5",
			instead)
	}
}
