// Package wire connects the panel of a wall unit in one process with the unit in another, so that
// the unit can lose its power: it is killed, and only its disk is left.
//
// The process with the panel calls [Serve]. The unit calls [Connect], and gets buttons and lights
// that behave like the panel's own. Edges and calls go over one stream in both directions until it
// ends; then every call fails, and [Front.Gone] is closed. Steady levels are read through a
// [Window]; a light that blinks, or a broken line, is asked for over the stream.
package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"time"

	"golang.org/x/sys/unix"

	"tacet/cmd/tacet-demo/page"
	"tacet/hw/simpanel"
)

// Edge is a change of a line.
type Edge struct {
	Input  int
	Active bool
	At     time.Duration // on the monotonic clock, which both processes share
	Fresh  bool
}

// monotonic is the machine's monotonic clock. Tests replace it with the clock of their bubble.
var monotonic = func() time.Duration {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) // can't fail for this clock
	return time.Duration(t.Nano())
}

// Drive is a call to a light, or to the buzzer.
type Drive struct {
	Status bool // the status light, not the light
	Buzzer bool // the buzzer: On or Off
	Glow   simpanel.Glow
}

// Sensed is the state of the sense line.
type Sensed struct{ Lit, Known bool }

// Slot is the state of the port for the thumb drive.
type Slot struct{ Known, Present bool }

// Nothing is for calls without arguments or results.
type Nothing bool

// server answers the unit's calls.
type server struct {
	panel  *simpanel.Panel
	report func(page.Status)
	edges  chan Edge
	failed chan error // Watch's error, once
	ended  <-chan struct{}
}

// Serve lets the unit at the other end of conn and w use the panel, and passes its reports on,
// until conn or ctx ends.
func Serve(ctx context.Context, conn io.ReadWriteCloser, w *Window, p *simpanel.Panel, report func(page.Status)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer p.Mirror(w.show)()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	s := &server{panel: p, report: report, edges: make(chan Edge), failed: make(chan error, 1), ended: ctx.Done()}
	go func() {
		s.failed <- p.Buttons.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			select {
			case s.edges <- Edge{input, active, monotonic() - time.Since(at), fresh}:
			case <-ctx.Done():
			}
		})
	}()
	r := rpc.NewServer()
	_ = r.RegisterName("Front", (*calls)(s))
	r.ServeConn(stream{conn, cancel})
}

// stream calls gone at the end of the stream. Calls that wait for an edge end then.
type stream struct {
	io.ReadWriteCloser
	gone func()
}

func (s stream) Read(b []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(b)
	if err != nil {
		s.gone()
	}
	return n, err
}

// calls has the methods that the unit may call.
type calls server

// Drive drives a light or the buzzer.
func (c *calls) Drive(d Drive, _ *Nothing) error {
	l, s := c.panel.Light, c.panel.StatusLight
	drive := map[simpanel.Glow]func() error{simpanel.Off: l.Off, simpanel.On: l.On, simpanel.Pulse: l.Pulse,
		simpanel.Flash: l.Flash}
	switch b := c.panel.Buzzer; {
	case d.Buzzer && b == nil:
		return errors.New("there is no buzzer")
	case d.Buzzer:
		drive = map[simpanel.Glow]func() error{simpanel.Off: b.Off, simpanel.On: b.On}
	case d.Status && s == nil:
		return errors.New("there is no status light")
	case d.Status:
		drive = map[simpanel.Glow]func() error{simpanel.Off: s.Off, simpanel.On: s.Steady, simpanel.Pulse: s.Pulse,
			simpanel.Flash: s.Flash}
	}
	if drive[d.Glow] == nil {
		return fmt.Errorf("a light can't show %q", d.Glow)
	}
	return drive[d.Glow]()
}

// Sense reads the sense line.
func (c *calls) Sense(_ Nothing, answer *Sensed) (err error) {
	answer.Lit, answer.Known, err = c.panel.Light.Sense()
	return err
}

// Read reads every line. It does not wait for earlier edges, because the unit, which takes them,
// may be waiting for this.
func (c *calls) Read(_ Nothing, answer *[]bool) (err error) {
	*answer, err = c.panel.Buttons.Levels()
	return err
}

// Edge waits for the next change of a line.
func (c *calls) Edge(_ Nothing, answer *Edge) error {
	select {
	case *answer = <-c.edges:
		return nil
	case err := <-c.failed:
		c.failed <- err
		return err
	case <-c.ended:
		return errors.New("the front is gone")
	}
}

// Slot waits until the thumb drive's state differs from what the unit knows.
func (c *calls) Slot(known Slot, answer *Slot) error {
	for {
		changed := c.panel.Changed()
		drive := c.panel.State().Drive
		if *answer = (Slot{Known: true, Present: drive != nil && *drive}); *answer != known {
			return nil
		}
		select {
		case <-changed:
		case <-c.ended:
			return errors.New("the front is gone")
		}
	}
}

// Report receives the unit's status.
func (c *calls) Report(s page.Status, _ *Nothing) error {
	c.report(s)
	return nil
}
