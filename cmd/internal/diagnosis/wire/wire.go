// Package wire shows the levels of input lines while somebody wires them: one row for each line,
// with its pin, its level and its last edge. A terminal shows the rows again at each change; into a
// pipe go only the lines that changed.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"tacet/cmd/internal/cli"
)

// An Input is a line to show.
type Input struct {
	Name             string // what is wired to it
	Line             string
	Pin              int // of the header; 0 if it is on none
	ActiveLow        bool
	Active, Inactive string // in words, as in "pressed" and "not pressed"
}

// Lines are the opened inputs, as *hw.Buttons.
type Lines interface {
	Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error
	Read() ([]bool, error)
}

const (
	// often is the least time between two pictures: a bouncing contact must not flood a pipe.
	often = 100 * time.Millisecond
	// again is how often the levels are read, to find a change that made no edge.
	again = time.Second
)

// Show shows the inputs until ctx ends, and then returns nil. redraw is for a terminal.
func Show(ctx context.Context, lines Lines, inputs []Input, out io.Writer, redraw bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := &view{inputs: inputs, out: out, redraw: redraw, rows: make([]row, len(inputs))}
	levels, err := lines.Read()
	if err != nil {
		return err
	}
	if len(levels) != len(inputs) {
		return fmt.Errorf("%d lines are open for %d inputs", len(levels), len(inputs))
	}
	for i, active := range levels {
		v.rows[i] = row{active: active, changed: true}
	}
	if err := v.draw(); err != nil {
		return err
	}
	edges, ended := make(chan edge, 64), make(chan error, 1)
	go func() {
		ended <- lines.Watch(ctx, func(i int, active bool, at time.Time, _ bool) {
			select {
			case edges <- edge{i, active, at}:
			case <-ctx.Done():
			}
		})
	}()
	err = v.follow(ctx, lines, edges, ended)
	cancel()
	return err
}

type edge struct {
	input  int
	active bool
	at     time.Time
}

// follow draws what changes until ctx ends, and returns once Watch has returned.
func (v *view) follow(ctx context.Context, lines Lines, edges <-chan edge, ended <-chan error) error {
	picture, read := time.NewTicker(often), time.NewTicker(again)
	defer picture.Stop()
	defer read.Stop()
	reading := make(chan error, 1)
	busy := false
	for {
		select {
		case e := <-edges:
			v.take(e)
		case <-picture.C:
			if err := v.draw(); err != nil {
				return err
			}
		case <-read.C:
			if !busy { // Read waits for edges that this loop takes
				busy = true
				go func() {
					_, err := lines.Read()
					reading <- err
				}()
			}
		case err := <-reading:
			if busy = false; err != nil && ctx.Err() == nil {
				return err
			}
		case err := <-ended:
			if ctx.Err() != nil {
				err = nil
			} else if err == nil {
				err = errors.New("the lines are no longer watched")
			}
			return errors.Join(err, v.draw())
		}
	}
}

// A view is what is shown. One goroutine uses it.
type view struct {
	inputs []Input
	out    io.Writer
	redraw bool
	rows   []row
	drawn  bool
}

type row struct {
	active  bool
	edges   int
	last    time.Time // of the last edge; zero if there was none
	changed bool      // since it was drawn
}

func (v *view) take(e edge) {
	if e.input < 0 || e.input >= len(v.rows) {
		return
	}
	r := &v.rows[e.input]
	r.active, r.last, r.changed = e.active, e.at, true
	r.edges++
}

// draw shows the rows that changed or, at a terminal, all of them in place of the last ones.
func (v *view) draw() error {
	changed := false
	for i := range v.rows {
		changed = changed || v.rows[i].changed
	}
	if !changed {
		return nil
	}
	text := ""
	switch {
	case !v.drawn:
		text = fmt.Sprintf("%-24s %-14s %-4s %-6s %-12s %6s  %s\n", "input", "line", "pin", "level", "reads as", "edges",
			"last edge")
	case v.redraw:
		text = fmt.Sprintf("\x1b[%dA", len(v.rows))
	}
	for i := range v.rows {
		if r := &v.rows[i]; r.changed || v.redraw {
			text += v.line(i)
			r.changed = false
		}
	}
	v.drawn = true
	_, err := io.WriteString(v.out, text)
	return err
}

func (v *view) line(i int) string {
	in, r := v.inputs[i], v.rows[i]
	level, state, pin, last := "low", in.Inactive, "-", "-"
	if r.active != in.ActiveLow {
		level = "high"
	}
	if r.active {
		state = in.Active
	}
	if in.Pin > 0 {
		pin = strconv.Itoa(in.Pin)
	}
	if !r.last.IsZero() {
		last = r.last.Format("15:04:05.000")
	}
	text := fmt.Sprintf("%-24s %-14s %-4s %-6s %-12s %6d  %s", cli.Clean(in.Name), cli.Clean(in.Line), pin, level, state,
		r.edges, last)
	if v.redraw {
		text += "\x1b[K" // clears what a longer row left
	}
	return text + "\n"
}
