package hwtest

import (
	"context"
	"errors"
	"os"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// A lineSet is a requested line. The Board's mutex guards it.
type lineSet struct {
	board  *Board
	line   *line
	closed bool

	edges  bool // edges are queued
	queue  []hw.Edge
	seq    uint32        // of the last edge
	waiter chan struct{} // receives when the waiter has to check again; nil if none waits
}

// put numbers and queues an edge that happens now.
func (s *lineSet) put(level gpio.Level) {
	if !s.edges {
		return
	}
	s.seq++
	e := hw.Edge{High: bool(level), At: time.Now(), Seq: s.seq}
	if s.board.lag == 0 {
		s.enqueue(e)
		return
	}
	time.AfterFunc(s.board.lag, func() {
		s.board.mu.Lock()
		defer s.board.mu.Unlock()
		s.enqueue(e)
	})
}

func (s *lineSet) enqueue(e hw.Edge) {
	if len(s.queue) >= s.board.Queue {
		s.queue = append(s.queue[:0], s.queue[1:]...)
	}
	s.queue = append(s.queue, e)
	s.wake()
}

func (s *lineSet) wake() {
	if s.waiter != nil {
		select {
		case s.waiter <- struct{}{}:
		default: // it is woken already
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

// An edgeLine is the same line as a hw.EdgeLine.
type edgeLine struct{ set *lineSet }

// stall stalls the process, before or after a call.
func (l *edgeLine) stall() {
	d := l.set.board.Still()
	if stall := l.set.board.Stall; stall != nil {
		d = max(d, stall())
	}
	if d > 0 {
		<-time.After(d)
	}
}

// call counts and starts a call. The caller defers end.
func (l *edgeLine) call() (end func()) {
	l.stall()
	l.set.board.mu.Lock()
	l.set.board.calls++
	return func() { l.set.board.mu.Unlock(); l.stall() }
}

// Read implements hw.EdgeLine.
func (l *edgeLine) Read() (bool, error) {
	defer l.call()()
	if err := l.set.refuse(Read); err != nil {
		return false, err
	}
	return bool(l.set.line.level), nil
}

// Take implements hw.EdgeLine.
func (l *edgeLine) Take(edges []hw.Edge) (int, error) {
	defer l.call()()
	s := l.set
	if err := s.refuse(Take); err != nil {
		return 0, err
	}
	n := copy(edges, s.queue)
	s.queue = append(s.queue[:0], s.queue[n:]...)
	return n, nil
}

// Wait implements hw.EdgeLine.
func (l *edgeLine) Wait(ctx context.Context) error {
	l.stall()
	defer l.stall()
	waiter, err := l.startWait()
	if err != nil {
		return err
	}
	defer l.endWait()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if queued, err := l.look(); queued || err != nil {
			return err
		}
		select {
		case <-waiter:
		case <-ctx.Done():
		}
	}
}

func (l *edgeLine) startWait() (chan struct{}, error) {
	s := l.set
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if s.waiter != nil {
		return nil, errors.New("hwtest: two goroutines wait for one line")
	}
	s.waiter = make(chan struct{}, 1)
	return s.waiter, nil
}

func (l *edgeLine) endWait() {
	l.set.board.mu.Lock()
	defer l.set.board.mu.Unlock()
	l.set.waiter = nil
}

// look reports whether a wait is over. It is for a broken queue too, since Take returns that error.
func (l *edgeLine) look() (queued bool, err error) {
	s := l.set
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.board.calls++
	if err := s.refuse(Wait); err != nil {
		return false, err
	}
	return len(s.queue) > 0 || s.line.fails[Take] != nil, nil
}

// Close implements hw.EdgeLine.
func (l *edgeLine) Close() error { return l.set.Close() }
