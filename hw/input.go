package hw

import (
	"errors"
	"fmt"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// A sensor is an input that is only read: the sense line.
type sensor struct {
	info      LineInfo
	line      LineSet
	activeLow bool
}

// pull pulls an input to its inactive level, so that a broken wire is neither a press nor light.
func (in Input) pull() gpio.Pull {
	if in.ActiveLow {
		return gpio.PullUp
	}
	return gpio.PullDown
}

func newSensor(b Board, info LineInfo, in Input) (*sensor, error) {
	line, err := b.Request(info, Level, in.pull())
	if err != nil {
		return nil, fmt.Errorf("take line %s: %w", info, err)
	}
	s := &sensor{info: info, line: line, activeLow: in.ActiveLow}
	if _, err := s.read(); err != nil {
		return nil, errors.Join(err, line.Close())
	}
	return s, nil
}

// read returns whether the line is active now.
func (s *sensor) read() (bool, error) {
	bits, err := s.line.Read(1)
	if err != nil {
		return false, fmt.Errorf("read line %s: %w", s.info, err)
	}
	return (bits&1 == 1) != s.activeLow, nil
}

func (s *sensor) close() error {
	if err := s.line.Close(); err != nil {
		return fmt.Errorf("release line %s: %w", s.info, err)
	}
	return nil
}

// An input is a button or the door contact.
type input struct {
	role      role
	index     int // for Watch
	info      LineInfo
	line      EdgeLine
	activeLow bool

	// The fields below belong to the holder of the turn (see Buttons).

	active bool      // the level after the last real or synthetic edge; at first the one at Open
	last   time.Time // the time of the last edge taken
	seq    uint32    // its number
	taken  uint64    // edges taken so far
}

func newInput(b Board, info LineInfo, in Input, r role, index int) (*input, error) {
	line, err := b.RequestEdges(info, in.pull())
	if err != nil {
		return nil, fmt.Errorf("%s: take line %s: %w", r, info, err)
	}
	i := &input{role: r, index: index, info: info, line: line, activeLow: in.ActiveLow}
	if i.active, err = i.read(); err != nil {
		return nil, errors.Join(err, line.Close())
	}
	return i, nil
}

// read returns whether the line is active now.
func (i *input) read() (bool, error) {
	high, err := i.line.Read()
	if err != nil {
		return false, i.failed("read", err)
	}
	return high != i.activeLow, nil
}

// take returns the line's oldest queued edges, until the queue is empty or an edge came after
// limit: about QueueLength of them at most.
func (i *input) take(limit time.Time) (all []change, err error) {
	var edges [64]Edge
	for len(all) < QueueLength && !i.last.After(limit) {
		n, err := i.line.Take(edges[:])
		if err != nil {
			return all, i.failed("take the edges of", err)
		}
		if n == 0 {
			return all, nil
		}
		now := time.Now()
		for _, e := range edges[:n] {
			all = append(all, i.change(e, now))
		}
		i.taken += uint64(n)
	}
	return all, nil
}

// change judges an edge by the ones before it.
func (i *input) change(e Edge, now time.Time) change {
	c := change{input: i.index, active: e.High != i.activeLow, at: e.At}
	c.doubt = e.Seq != i.seq+1 || c.active == i.active
	if c.at.After(now) { // an edge from the future
		c.at, c.doubt = now, true
	}
	i.active, i.last, i.seq = c.active, c.at, e.Seq
	return c
}

func (i *input) close() error {
	if err := i.line.Close(); err != nil {
		return i.failed("release", err)
	}
	return nil
}

// failed wraps the error of a line with its input.
func (i *input) failed(what string, err error) error {
	return &lineError{input: i.index, text: fmt.Sprintf("%s: %s line %s", i.role, what, i.info), err: err}
}

// A lineError is the failure of one input's line. Use errors.As and its method Input to tell a
// broken button from a broken door contact.
type lineError struct {
	input int
	text  string
	err   error
}

func (e *lineError) Error() string { return e.text + ": " + e.err.Error() }

func (e *lineError) Unwrap() error { return e.err }

// Input is the number of the line, as in Watch: the buttons from 0, then the door.
func (e *lineError) Input() int { return e.input }
