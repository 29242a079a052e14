package hw_test

import (
	"errors"
	"os"
	"testing"
	"testing/synctest"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// lateSet counts the calls on a set after its Close, which with periph would go to standard input.
// Out hangs until hold is closed.
type lateSet struct {
	hw.LineSet
	hold   chan struct{}
	closed bool
	late   int
}

func (s *lateSet) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	if s.closed {
		s.late++
	}
	return s.LineSet.Read(mask)
}

func (s *lateSet) Out(bits, mask gpio.GPIOValue) error {
	<-s.hold
	if s.closed {
		s.late++
	}
	return s.LineSet.Out(bits, mask)
}

func (s *lateSet) Close() error {
	s.closed = true
	return s.LineSet.Close()
}

func TestNothingReachesAClosedLine(t *testing.T) {
	b := hwtest.NewBoard("GPIO5")
	lines, err := b.Lines()
	if err != nil {
		t.Fatal(err)
	}
	taken, err := b.Request(lines[0], hw.Drive, gpio.PullNoChange)
	if err != nil {
		t.Fatal(err)
	}
	set := &lateSet{LineSet: taken, hold: make(chan struct{})}
	l := hw.Guard(set)
	begun, driven, closed := make(chan struct{}), make(chan error, 1), make(chan error, 1)
	go func() { close(begun); driven <- l.Out(1, 1) }()
	<-begun
	go func() { closed <- l.Close() }()
	close(set.hold)
	if err := <-driven; err != nil && !errors.Is(err, os.ErrClosed) {
		t.Errorf("the call that Close met: %v", err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	_, read := l.Read(1)
	for what, err := range map[string]error{"read": read, "out": l.Out(1, 1)} {
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
}

// hungBoard has outputs that hang until hold is closed.
type hungBoard struct {
	*hwtest.Board
	hold map[string]chan struct{}
}

type hungSet struct {
	hw.LineSet
	name string
	b    *hungBoard
}

func (s *hungSet) Out(bits, mask gpio.GPIOValue) error {
	if hold := s.b.hold[s.name]; hold != nil {
		<-hold
	}
	return s.LineSet.Out(bits, mask)
}

func (b *hungBoard) Request(l hw.LineInfo, u hw.Use, pull gpio.Pull) (hw.LineSet, error) {
	set, err := b.Board.Request(l, u, pull)
	return &hungSet{set, l.Name, b}, err
}

// A call that hangs on one light blocks neither the other light nor the sense line.
func TestAHungLightHoldsUpNoOther(t *testing.T) {
	for _, hung := range []string{"GPIO27", "GPIO23"} {
		synctest.Test(t, func(t *testing.T) {
			b := &hungBoard{hwtest.NewBoard("GPIO5", "GPIO22", "GPIO23", "GPIO27"), map[string]chan struct{}{}}
			wired := wiring()
			wired.Sense, wired.Status = &hw.Input{Line: "GPIO22"}, &hw.Output{Line: "GPIO23"}
			p := open(t, b, wired)
			b.hold[hung] = make(chan struct{})
			ended := make(chan error, 1)
			calls := []func() error{p.Light().On, p.StatusLight().Steady}
			if hung == "GPIO23" {
				calls[0], calls[1] = calls[1], calls[0]
			}
			go func() { ended <- calls[0]() }()
			synctest.Wait()
			if err := calls[1](); err != nil {
				t.Error(err)
			}
			if _, known, err := p.Light().Sense(); err != nil || !known {
				t.Errorf("Sense: %v, %v", known, err)
			}
			if _, err := p.Buttons().Read(); err != nil {
				t.Error(err)
			}
			close(b.hold[hung])
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
