package hw

import (
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A Board is a machine's GPIO, as narrow as this package needs it. GPIO returns the real one, hwtest.Board is the one
// for tests.
type Board interface {
	// Lines lists every line of every chip.
	Lines() ([]LineInfo, error)
	// Request takes one line from the kernel.
	Request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error)
	// Refused is why chips that are there are not listed; nil: none are.
	Refused() error
}

// A LineSet is one requested line with the calls, and the habits, of periph's gpioioctl.LineSet.
type LineSet interface {
	// Read returns the levels of the masked lines; bit 0 is the line.
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
	Out(bits, mask gpio.GPIOValue) error
	// WaitForEdge returns the oldest queued edge, or waits for one. A timeout of 0 is for ever, a negative one has
	// run out already. When it runs out, or at Halt, the error is os.ErrDeadlineExceeded.
	WaitForEdge(timeout time.Duration) (number int, edge gpio.Edge, err error)
	// Halt ends a wait that is under way. It doesn't release the line.
	Halt() error
	// Close releases the line.
	Close() error
}

// LineInfo is one line as the kernel describes it.
type LineInfo struct {
	Chip, Label string // gpiochip0, pinctrl-bcm2711
	Number      int    // on its chip
	Name        string // GPIO5; often empty, and not always unique
	Consumer    string // who held it when the chips were listed
}

// Use is what a line is requested for.
type Use int

const (
	Level Use = iota // an input that is only read
	Edges            // an input whose edges are queued
	Drive            // an output; the request itself drives it low
)
