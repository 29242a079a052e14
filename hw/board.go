package hw

import (
	"context"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A Board is a machine's GPIO, as narrow as this package needs it. GPIO returns the real one,
// hwtest.Board is the one for tests.
type Board interface {
	// Lines lists every line of every chip.
	Lines() ([]LineInfo, error)
	// Request takes a line that is driven, or read now and then, from the kernel.
	Request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error)
	// RequestEdges takes a line whose edges are queued from now on.
	RequestEdges(l LineInfo, pull gpio.Pull) (EdgeLine, error)
	// Refused is why chips that are there are not listed; nil: none are.
	Refused() error
}

// A LineSet is one requested line with the calls of periph's gpioioctl.LineSet.
type LineSet interface {
	// Read returns the levels of the masked lines; bit 0 is the line.
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
	Out(bits, mask gpio.GPIOValue) error
	// Close releases the line.
	Close() error
}

// An EdgeLine is one requested input with the kernel's queue of its edges. Wait is called by one
// goroutine at a time, and so is Take; everything else by any.
type EdgeLine interface {
	// Read returns the level now: true is high.
	Read() (bool, error)
	// Wait returns nil when edges are queued, and an error when ctx has ended.
	Wait(ctx context.Context) error
	// Take moves the oldest queued edges into edges and returns how many. It never waits: 0 is an
	// empty queue.
	Take(edges []Edge) (int, error)
	// Close releases the line and ends a Wait.
	Close() error
}

// An Edge is one change of a line, as the kernel queued it.
type Edge struct {
	High bool      // the level that it led to
	At   time.Time // when the interrupt came, by the kernel's monotonic clock
	Seq  uint32    // counts this line's edges since the request, from 1: a gap says that some were dropped
}

// QueueLength is how many edges of a line are queued: the most that the kernel gives (48 KiB). When
// they are too many, it drops the oldest.
const QueueLength = 1024

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
	Drive            // an output; the request itself drives it low
)
