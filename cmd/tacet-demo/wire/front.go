package wire

import (
	"context"
	"io"
	"net/rpc"
	"sync"
	"time"

	"tacet/cmd/tacet-demo/page"
	"tacet/hw/simpanel"
)

// Front is the panel as the unit sees it. It implements the buttons and the light; StatusLight and
// Buzzer implement the others.
type Front struct {
	client *rpc.Client
	window *Window
	lost   sync.Once
	gone   chan struct{}
}

// Connect uses the unit's end of the stream, and its window.
func Connect(conn io.ReadWriteCloser, w *Window) *Front {
	f := &Front{window: w, gone: make(chan struct{})}
	f.client = rpc.NewClient(conn)
	return f
}

// Gone returns a channel that is closed when a call has failed because the other end is gone.
func (f *Front) Gone() <-chan struct{} { return f.gone }

func (f *Front) call(method string, args, answer any) error {
	err := f.client.Call("Front."+method, args, answer)
	if _, answered := err.(rpc.ServerError); err != nil && !answered {
		f.lost.Do(func() { close(f.gone) })
	}
	return err
}

// Watch calls deliver for every change of a line, until ctx ends. An edge has the time at which the
// line changed, even if the machine has been busy since.
func (f *Front) Watch(ctx context.Context, deliver func(input int, active bool, at time.Time, fresh bool)) error {
	for {
		var e Edge
		waiting := f.client.Go("Front.Edge", Nothing(false), &e, make(chan *rpc.Call, 1))
		select {
		case <-ctx.Done():
			return nil
		case <-waiting.Done:
		}
		if err := waiting.Error; err != nil {
			if _, answered := err.(rpc.ServerError); !answered {
				f.lost.Do(func() { close(f.gone) })
			}
			return err
		}
		deliver(e.Input, e.Active, time.Now().Add(min(0, e.At-monotonic())), e.Fresh)
	}
}

// Read reads every line.
func (f *Front) Read() (lines []bool, err error) {
	if lines, known := f.window.look().Lines(); known {
		return lines, nil
	}
	err = f.call("Read", Nothing(false), &lines)
	return lines, err
}

// Sense reads the sense line.
func (f *Front) Sense() (lit, known bool, err error) {
	if lit, hasLine, known := f.window.look().Sense(); known {
		return lit, hasLine, nil
	}
	var s Sensed
	err = f.call("Sense", Nothing(false), &s)
	return s.Lit, s.Known || err != nil, err
}

// Slots calls changed with the state of the thumb drive, now and at each change, until the panel is
// gone.
func (f *Front) Slots(changed func(present bool)) {
	for known := (Slot{}); ; {
		var now Slot
		if f.call("Slot", known, &now) != nil {
			return
		}
		changed(now.Present)
		known = now
	}
}

// Report reports the unit's status.
func (f *Front) Report(s page.Status) error { return f.call("Report", s, new(Nothing)) }

func (f *Front) drive(status bool, g simpanel.Glow) error {
	return f.call("Drive", Drive{Status: status, Glow: g}, new(Nothing))
}

// Buzzer is the buzzer as the unit sees it.
type Buzzer struct{ Front *Front }

// On starts a tone.
func (b Buzzer) On() error { return b.drive(simpanel.On) }

// Off ends it.
func (b Buzzer) Off() error { return b.drive(simpanel.Off) }

func (b Buzzer) drive(g simpanel.Glow) error {
	return b.Front.call("Drive", Drive{Buzzer: true, Glow: g}, new(Nothing))
}

// On turns the light on.
func (f *Front) On() error { return f.drive(false, simpanel.On) }

// Off turns it off.
func (f *Front) Off() error { return f.drive(false, simpanel.Off) }

// Pulse blinks it slowly.
func (f *Front) Pulse() error { return f.drive(false, simpanel.Pulse) }

// Flash shows three quick flashes.
func (f *Front) Flash() error { return f.drive(false, simpanel.Flash) }

// StatusLight is the status light as the unit sees it.
type StatusLight struct{ Front *Front }

// Steady turns it on.
func (s StatusLight) Steady() error { return s.Front.drive(true, simpanel.On) }

// Pulse blinks it slowly.
func (s StatusLight) Pulse() error { return s.Front.drive(true, simpanel.Pulse) }

// Flash repeats three quick flashes.
func (s StatusLight) Flash() error { return s.Front.drive(true, simpanel.Flash) }

// Off turns it off.
func (s StatusLight) Off() error { return s.Front.drive(true, simpanel.Off) }
