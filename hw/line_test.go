package hw_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// lateSet counts what reaches a set after its Close: with periph that would end in the standard input.
type lateSet struct {
	hw.LineSet
	closed bool
	late   int
}

func (s *lateSet) use() {
	if s.closed {
		s.late++
	}
}

func (s *lateSet) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	s.use()
	return s.LineSet.Read(mask)
}

func (s *lateSet) Out(bits, mask gpio.GPIOValue) error {
	s.use()
	return s.LineSet.Out(bits, mask)
}

func (s *lateSet) WaitForEdge(timeout time.Duration) (int, gpio.Edge, error) {
	s.use()
	return s.LineSet.WaitForEdge(timeout)
}

func (s *lateSet) Halt() error {
	s.use()
	return s.LineSet.Halt()
}

func (s *lateSet) Close() error {
	s.use()
	s.closed = true
	return s.LineSet.Close()
}

func TestNothingReachesAClosedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := hwtest.NewBoard("GPIO5")
		lines, err := b.Lines()
		if err != nil {
			t.Fatal(err)
		}
		taken, err := b.Request(lines[0], hw.Edges, gpio.PullUp)
		if err != nil {
			t.Fatal(err)
		}
		set := &lateSet{LineSet: taken}
		l := hw.Guard(set)
		ended := make(chan error)
		go func() { _, _, err := l.WaitForEdge(time.Hour); ended <- err }()
		synctest.Wait()
		began := time.Now()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Errorf("the wait that Close ended: %v", err)
		}
		if took := time.Since(began); took > hw.Settle {
			t.Errorf("Close took %v", took)
		}
		_, _, waited := l.WaitForEdge(time.Second)
		_, read := l.Read(1)
		for what, err := range map[string]error{"wait": waited, "read": read, "out": l.Out(1, 1), "halt": l.Halt()} {
			if !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		if set.late > 0 {
			t.Errorf("%d calls reached the closed set", set.late)
		}
	})
}
