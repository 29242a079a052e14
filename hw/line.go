package hw

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A line keeps a LineSet of periph's from being used once it is closed.
//
// To periph a closed LineSet is one whose descriptor is 0. A wait on it doesn't fail: it makes a file of the process's
// standard input, waits there, and leaves the file to the garbage collector, which closes descriptor 0. The next line
// that is requested becomes descriptor 0, its Close does nothing, and so it stays busy for as long as the process lives.
type line struct {
	set    LineSet
	using  sync.RWMutex // read-locked while a call uses set
	closed atomic.Bool
}

// Read implements LineSet.
func (l *line) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	if !l.begin() {
		return 0, os.ErrClosed
	}
	defer l.using.RUnlock()
	return l.set.Read(mask)
}

// Out implements LineSet.
func (l *line) Out(bits, mask gpio.GPIOValue) error {
	if !l.begin() {
		return os.ErrClosed
	}
	defer l.using.RUnlock()
	return l.set.Out(bits, mask)
}

// WaitForEdge implements LineSet.
func (l *line) WaitForEdge(timeout time.Duration) (int, gpio.Edge, error) {
	if !l.begin() {
		return 0, gpio.NoEdge, os.ErrClosed
	}
	defer l.using.RUnlock()
	number, edge, err := l.set.WaitForEdge(timeout)
	if err != nil && l.closed.Load() {
		return 0, gpio.NoEdge, os.ErrClosed
	}
	return number, edge, err
}

// Halt implements LineSet.
func (l *line) Halt() error {
	if !l.begin() {
		return os.ErrClosed
	}
	defer l.using.RUnlock()
	return l.set.Halt()
}

// Close implements LineSet. It ends a wait that is under way, and has released the line when it returns.
func (l *line) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	for !l.using.TryLock() {
		_ = l.set.Halt() // it fails only where the wait fails too
		<-time.After(settle)
	}
	defer l.using.Unlock()
	return l.set.Close()
}

// begin read-locks the line for a call, or says that it is closed.
func (l *line) begin() bool {
	l.using.RLock()
	if l.closed.Load() {
		l.using.RUnlock()
		return false
	}
	return true
}
