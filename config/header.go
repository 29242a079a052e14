package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// headerPins are the pins 1 to 40 of a Raspberry Pi's header: the number of a GPIO, or one of the
// constants below.
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

// lastOnHeader is the highest GPIO with a pin.
const lastOnHeader = 27

// pinName matches what people write for a pin of the header, rather than for a GPIO.
var pinName = regexp.MustCompile(`^(?i:pin|header|board|j8|p1|phys|physical)[ _:#-]*0*([0-9]{1,2})$|^#?0*([0-9]{1,2})$`)

// pinOf returns the pin of the header that s names, or 0.
func pinOf(s string) int {
	m := pinName.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0
	}
	return parsePin(m[1] + m[2])
}

func parsePin(digits string) int {
	n, err := strconv.Atoi(digits)
	if err != nil || n >= len(headerPins) {
		return 0
	}
	return n
}

// describePin says what a pin of the header is, and what to write for it.
func describePin(key string, pin int) (what, instead string) {
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

// HeaderPin returns the pin of the header that a line is on, such as GPIO5, or 0 if it is on none.
func HeaderPin(line string) int {
	if l := lineOf(line); l.onHeader() && l.number <= lastOnHeader {
		return max(slices.Index(headerPins[:], l.number), 0)
	}
	return 0
}

// gpioLine is a line by its GPIO number, with chip "", or by its chip and number.
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

// onHeader reports whether the line is on the header. The header's chip is gpiochip0 on every board
// but the Raspberry Pi 5, where it is gpiochip4 or gpiochip0, depending on the kernel.
func (l gpioLine) onHeader() bool {
	return l.chip == "" || l.chip == "gpiochip0" || l.chip == "gpiochip4"
}

// same reports whether two lines are, or may be, the same.
func (l gpioLine) same(m gpioLine) bool {
	return l == m || l.number == m.number && l.onHeader() && m.onHeader() && (l.chip == "" || m.chip == "")
}

// reservedFor says what the board uses a line of its header for, or "" if it is free.
func (l gpioLine) reservedFor() string {
	if !l.onHeader() {
		return ""
	}
	switch n := l.number; {
	case n == 0 || n == 1:
		return "belongs to the memory that identifies add-on boards, and is driven at boot"
	case n == 2:
		return "belongs to the I²C bus, and has a strong pull-up"
	case n == 3:
		return "belongs to the I²C bus, has a strong pull-up, and starts a board that was halted"
	case n == 14 || n == 15:
		return "belongs to the serial console, which drives it at boot"
	case n > lastOnHeader && l.chip == "":
		return "is on no pin of the header: the Raspberry Pi uses it itself"
	}
	return ""
}

// warnReserved warns of a line that is not free, or not on the header.
func (b block) warnReserved(key, name string) {
	l := lineOf(name)
	if why := l.reservedFor(); why != "" {
		instead := "take another: GPIO4 to GPIO6 for inputs, GPIO16 to GPIO27 for lights"
		if l.number > lastOnHeader && l.number < len(headerPins) && headerPins[l.number] >= 0 {
			instead = fmt.Sprintf(`write "GPIO%d" if pin %d of the header is meant; or `, headerPins[l.number],
				l.number) + instead
		}
		b.warn(key, name+" "+why, instead)
	}
	if strings.HasPrefix(l.chip, "gpiochip") {
		instead := "run tacetd doctor after each upgrade of the kernel to see that it is still the right one"
		if l.onHeader() && l.number <= lastOnHeader {
			instead = fmt.Sprintf(`write "GPIO%d", unless tacetd doctor says that two chips have lines of that name`, l.number)
		}
		b.warn(key, quote(name)+" counts chips, and the numbers change with the kernel, as they did on the Raspberry Pi 5",
			instead)
	}
}
