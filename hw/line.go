package hw

import (
	"os"
	"sync"

	"periph.io/x/conn/v3/gpio"
)

// A line keeps a LineSet of periph's from being used once it is closed.
//
// To periph a closed LineSet is one whose descriptor is 0: a call on it would go to the process's
// standard input. And one that Close overtakes would go to whatever file has got the descriptor's
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

// Close implements LineSet. It waits for calls that are under way, and has released the line when
// it returns.
func (l *line) Close() error {
	l.using.Lock()
	defer l.using.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	return l.set.Close()
}
