package hwtest

import (
	"errors"
	"os"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// A lineSet is a requested line. The Board's mutex guards it.
type lineSet struct {
	board *Board
	line  *line

	queue  []gpio.Edge
	closed bool
	halted bool          // the wait that is under way has to end
	waiter chan struct{} // of the wait that is under way; nil: none
}

// put queues an edge; the oldest makes room.
func (s *lineSet) put(level gpio.Level) {
	edge := gpio.FallingEdge
	if level {
		edge = gpio.RisingEdge
	}
	if len(s.queue) == QueueLength {
		s.queue = s.queue[1:]
	}
	s.queue = append(s.queue, edge)
	s.wake()
}

func (s *lineSet) wake() {
	if s.waiter != nil {
		select {
		case s.waiter <- struct{}{}:
		default: // it is awake already
		}
	}
}

// Read implements hw.LineSet.
func (s *lineSet) Read(mask gpio.GPIOValue) (gpio.GPIOValue, error) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if err := s.refuse(Read); err != nil {
		return 0, err
	}
	if s.line.use == hw.Drive {
		s.board.reads++
	}
	if s.line.level {
		return 1, nil
	}
	return 0, nil
}

// Out implements hw.LineSet.
func (s *lineSet) Out(bits, mask gpio.GPIOValue) error {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if err := s.refuse(Out); err != nil {
		return err
	}
	if s.line.use != hw.Drive {
		return errors.New("operation not permitted")
	}
	s.line.out = bits&1 == 1
	s.line.update()
	return nil
}

func (s *lineSet) refuse(op Op) error {
	if s.closed {
		return os.ErrClosed
	}
	return s.line.fails[op]
}

// errTimeout is what a read of an os.File with a deadline returns.
var errTimeout = &os.PathError{Op: "read", Path: "gpio-lineset", Err: os.ErrDeadlineExceeded}

// WaitForEdge implements hw.LineSet.
func (s *lineSet) WaitForEdge(timeout time.Duration) (int, gpio.Edge, error) {
	var expired <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		expired = timer.C
	}
	waiter, err := s.begin(timeout)
	if err != nil {
		return 0, gpio.NoEdge, err
	}
	if s.board.Stall != nil {
		if d := s.board.Stall(); d > 0 {
			<-time.After(d)
			if timeout > 0 && d >= timeout {
				return s.expire(time.Now())
			}
		}
	}
	for {
		if number, edge, err, ok := s.poll(); ok {
			return number, edge, err
		}
		select {
		case <-waiter:
		case now := <-expired:
			return s.expire(now)
		}
	}
}

func (s *lineSet) begin(timeout time.Duration) (chan struct{}, error) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if s.waiter != nil {
		return nil, errors.New("hwtest: two goroutines wait for one line")
	}
	if timeout < 0 { // the deadline is past before the queue is looked at
		return nil, errTimeout
	}
	s.halted = false // a wait begins with a new deadline: an earlier Halt is lost
	s.waiter = make(chan struct{}, 1)
	return s.waiter, nil
}

// poll ends the wait if there is something to return.
func (s *lineSet) poll() (number int, edge gpio.Edge, err error, ok bool) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	switch err := s.refuse(Wait); {
	case err != nil:
		s.waiter = nil
		return 0, gpio.NoEdge, err, true
	case s.halted:
		s.waiter = nil
		return 0, gpio.NoEdge, errTimeout, true
	case len(s.queue) > 0:
		s.waiter = nil
		edge, s.queue = s.queue[0], s.queue[1:]
		return s.line.info.Number, edge, nil, true
	}
	return 0, gpio.NoEdge, nil, false
}

func (s *lineSet) expire(now time.Time) (int, gpio.Edge, error) {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.waiter = nil
	if len(s.board.wakings) < 100_000 {
		s.board.wakings[now] = true
	}
	return 0, gpio.NoEdge, errTimeout
}

// Halt implements hw.LineSet.
func (s *lineSet) Halt() error {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if s.waiter != nil {
		s.halted = true
		s.wake()
	}
	return nil
}

// Close implements hw.LineSet.
func (s *lineSet) Close() error {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if !s.closed {
		s.release()
	}
	return nil
}

// release gives the line back to the kernel.
func (s *lineSet) release() {
	s.closed = true
	s.wake()
	l := s.line
	l.set = nil
	if l.use != hw.Drive || !s.board.KeepsLevel {
		l.use, l.pull = hw.Level, gpio.PullNoChange
		l.update()
	}
}
