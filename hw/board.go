package hw

import (
	"context"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A Board is a machine's GPIO, reduced to what this package needs. GPIO returns the real one;
// hwtest.Board is for tests.
type Board interface {
	// Lines lists every line of every chip.
	Lines() ([]LineInfo, error)
	// Request requests a line to drive, or to read occasionally.
	Request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error)
	// RequestEdges requests a line whose edges are queued from now on.
	RequestEdges(l LineInfo, pull gpio.Pull) (EdgeLine, error)
	// Refused says why chips that exist are not listed; nil if all are.
	Refused() error
}

// A LineSet is one requested line, with the methods of periph's gpioioctl.LineSet.
type LineSet interface {
	// Read returns the levels of the masked lines; bit 0 is the line.
	Read(mask gpio.GPIOValue) (gpio.GPIOValue, error)
	Out(bits, mask gpio.GPIOValue) error
	// Close releases the line.
	Close() error
}

// An EdgeLine is one requested input with the kernel's queue of its edges. Wait and Take are each
// called by one goroutine at a time, the other methods by any.
type EdgeLine interface {
	// Read returns the present level; true is high.
	Read() (bool, error)
	// Wait waits until edges are queued. It returns an error if ctx ends first.
	Wait(ctx context.Context) error
	// Take moves the oldest queued edges into edges and returns their number, 0 if the queue is
	// empty. It never waits.
	Take(edges []Edge) (int, error)
	// Close releases the line and ends a Wait.
	Close() error
}

// An Edge is one change of a line, as the kernel queued it.
type Edge struct {
	High bool      // the new level
	At   time.Time // the time of the interrupt, by the kernel's monotonic clock
	Seq  uint32    // the number of this edge of the line, from 1: a gap means that some were dropped
}

// QueueLength is the length of a line's queue of edges, the kernel's maximum (48 KiB). When the
// queue is full, the kernel drops the oldest edge.
const QueueLength = 1024

// LineInfo is one line as the kernel describes it.
type LineInfo struct {
	Chip, Label string // gpiochip0, pinctrl-bcm2711
	Number      int    // on its chip
	Name        string // GPIO5; often empty, and not always unique
	Consumer    string // the holder when the chips were listed
}

// Use is the purpose of a requested line.
type Use int

const (
	Level Use = iota // an input that is only read
	Drive            // an output; the request drives it low
)
