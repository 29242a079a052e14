package hw

import (
	"errors"
	"fmt"
	"os"
	"time"

	"periph.io/x/conn/v3/gpio"
)

// An input is a requested line that is read.
type input struct {
	info      LineInfo
	line      LineSet
	activeLow bool
	index     int // for Watch

	// last is the level that Watch's caller knows: as found at Open, then as last reported. It belongs to the one
	// Watch that runs.
	last bool
}

// newInput takes the line with a pull to where it is not active: a broken wire is not a press, and not light.
func newInput(b Board, info LineInfo, in Input, u Use) (*input, error) {
	pull := gpio.PullDown
	if in.ActiveLow {
		pull = gpio.PullUp
	}
	line, err := b.Request(info, u, pull)
	if err != nil {
		return nil, fmt.Errorf("take line %s: %w", info, err)
	}
	i := &input{info: info, line: line, activeLow: in.ActiveLow}
	if err := i.begin(u); err != nil {
		return nil, errors.Join(err, line.Close())
	}
	return i, nil
}

func (i *input) begin(u Use) (err error) {
	if u == Edges {
		// The first wait makes what Halt looks at, without a lock: have it made before any goroutine can halt.
		if _, _, err := i.line.WaitForEdge(time.Millisecond); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("wait for an edge of line %s: %w", i.info, err)
		}
	}
	i.last, err = i.read()
	return err
}

// read returns whether the line is active now.
func (i *input) read() (bool, error) {
	bits, err := i.line.Read(1)
	if err != nil {
		return false, fmt.Errorf("read line %s: %w", i.info, err)
	}
	return (bits&1 == 1) != i.activeLow, nil
}

func (i *input) close() error {
	if err := i.line.Close(); err != nil {
		return fmt.Errorf("release line %s: %w", i.info, err)
	}
	return nil
}
