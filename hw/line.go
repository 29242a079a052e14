package hw

import (
	"os"
	"sync"

	"periph.io/x/conn/v3/gpio"
)

// A line prevents the use of periph's LineSet after Close.
//
// periph sets the descriptor of a closed LineSet to 0: a call on it would go to the process's
// standard input. A call that races with Close would go to whatever file has the descriptor's
// number by then.
type line struct {
	using  sync.RWMutex // read-locked while a call uses set
	set    LineSet
	closed bool
}

// Read implements LineSet.
func (l *line) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	l.using.RLock()
	defer l.using.RUnlock()
	if l.closed {
		return 0, os.ErrClosed
	}
	return l.set.Read(mask)
}

// Out implements LineSet.
func (l *line) Out(bits, mask gpio.GPIOValue) error {
	l.using.RLock()
	defer l.using.RUnlock()
	if l.closed {
		return os.ErrClosed
	}
	return l.set.Out(bits, mask)
}

// Close implements LineSet. It waits for running calls and then releases the line.
func (l *line) Close() error {
	l.using.Lock()
	defer l.using.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.set.Close()
}
