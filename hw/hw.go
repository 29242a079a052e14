// Package hw is the wall unit's hardware over GPIO: the consent buttons, the light that says the
// microphone is open, its sense line, the status light and the door contact. Lines are found and
// lights driven through periph (periph.io/x/host/v3/gpioioctl), which speaks to the kernel's
// character devices /dev/gpiochip*. The lines that hands move are asked of the same devices without
// it: periph keeps back when an edge came, and whether others were lost before it.
//
//	panel, err := hw.Open(ctx, hw.Wiring{
//		Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true}},
//		Light:   hw.Output{Line: "GPIO27"},
//	})
//	if err != nil { … }
//	defer panel.Close()
//	go panel.Buttons().Watch(ctx, func(input int, active bool, at time.Time, fresh bool) { … })
//
// A line is written as the kernel names it (GPIO5) or as chip and number (gpiochip0:5). A name that
// is unknown, or on two chips, is an error that lists what there is.
//
// What it promises:
//
//   - An error is never a press, and says whose line it is of.
//   - Edges are handed on raw: no debounce, nothing left out, those of all lines in order, with the kernel's time.
//     Momentary and latching switches are both just levels.
//   - Each edge says whether it is fresh. One that is not may withdraw consent and never give it (see [Buttons.Watch]).
//   - Whoever has read the levels has been handed every edge before (see [Buttons.Read]).
//   - The last level reported is the line's level: after every burst, and by every Read, it is looked at. Where it
//     differs and no edge comes, a made-up edge says so; it is never fresh.
//   - A line that is stuck pressed is reported like any other level; to warn of it is the daemon's work.
//   - The light is dark from Open on until it is asked to be lit, and after Close. Going from dark to lit is one change.
//   - An output is never read back. What the light does is told by its sense line, or not at all.
//   - Idle, a panel never wakes. What the kernel does not tell of is found by the next Read.
//   - A call that hangs holds up no call on another line, and no edge of its own line.
//
// Open calls periph's Init, which closes files that it may not own (see keepStdin): open the panel
// before anything else in the process opens files.
//
// Package hwtest holds a Board for tests: the kernel and periph with all their habits, under the
// same code.
package hw

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// An Input is a line that is read.
type Input struct {
	Line      string // GPIO5, or gpiochip0:5
	ActiveLow bool   // pressed, open or lit pulls the line low
}

// An Output is a line that is driven.
type Output struct {
	Line      string
	ActiveLow bool // low lights it
}

// A Wiring says what is connected where.
type Wiring struct {
	Buttons []Input // one, or one per party, in the config's order
	Door    *Input  // optional; active is open
	Light   Output
	Sense   *Input  // optional; active is lit
	Status  *Output // optional
}

// ErrClosed is what every call returns after Close.
var ErrClosed = errors.New("the panel is closed")

// A Panel is the opened hardware. It holds its lines until Close: no other process can take them.
type Panel struct {
	buttons *Buttons
	light   *Light
	status  *StatusLight // nil: none is wired
	close   sync.Once
	err     error // what closing met
}

// Open finds the machine's GPIO, waiting a little for a chip that is still coming up, and takes the
// lines.
func Open(ctx context.Context, w Wiring) (*Panel, error) {
	b, err := GPIO(ctx, w.chips()...)
	if err != nil {
		return nil, err
	}
	return OpenOn(b, w)
}

// OpenOn takes the lines of a Board that the caller has: the machine's, or one made for a test.
func OpenOn(b Board, w Wiring) (*Panel, error) {
	lines, err := w.find(b)
	if err != nil {
		return nil, err
	}
	p := &Panel{buttons: newButtons()}
	if err := p.take(b, w, lines); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// take requests the lines, the lights first: they are dark before a button can be seen.
func (p *Panel) take(b Board, w Wiring, lines map[role]LineInfo) error {
	lamp, err := newLamp(b, lines[role{name: "light"}], w.Light)
	if err != nil {
		return err
	}
	p.light = &Light{lamp: lamp}
	if w.Status != nil {
		lamp, err := newLamp(b, lines[role{name: "status light"}], *w.Status)
		if err != nil {
			return err
		}
		p.status = &StatusLight{lamp: lamp}
	}
	if w.Sense != nil {
		if p.light.sense, err = newSensor(b, lines[role{name: "sense line"}], *w.Sense); err != nil {
			return err
		}
	}
	for i, in := range w.inputs() {
		input, err := newInput(b, lines[in.role], *in.Input, in.role, i)
		if err != nil {
			return err
		}
		p.buttons.inputs = append(p.buttons.inputs, input)
	}
	return nil
}

// Buttons are the buttons and, after them, the door contact.
func (p *Panel) Buttons() *Buttons { return p.buttons }

// Light is the light that says the microphone is open.
func (p *Panel) Light() *Light { return p.light }

// StatusLight is nil where none is wired; mind that a nil *StatusLight in an interface is not a nil
// interface.
func (p *Panel) StatusLight() *StatusLight { return p.status }

// Close ends a running Watch, darkens the lights and gives all lines back. What the lines do then
// is the kernel's affair: a Raspberry Pi's keeps an output's level, the mainline's turns it into an
// input.
func (p *Panel) Close() error {
	p.close.Do(func() {
		errs := []error{p.buttons.close()}
		if p.light != nil {
			errs = append(errs, p.light.close())
		}
		if p.status != nil {
			errs = append(errs, p.status.close())
		}
		p.err = errors.Join(errs...)
	})
	return p.err
}

// LightsOut darkens the lights that a killed daemon may have left on. It fails while a daemon holds
// the lines.
func LightsOut(ctx context.Context, w Wiring) error {
	b, err := GPIO(ctx, w.chips()...)
	if err != nil {
		return err
	}
	return LightsOutOn(b, w)
}

// LightsOutOn is LightsOut on a Board that the caller has. It tries each light, whatever becomes of
// the other.
func LightsOutOn(b Board, w Wiring) error {
	lines, err := b.Lines()
	if err != nil {
		return fmt.Errorf("list GPIO lines: %w", err)
	}
	var errs []error
	for _, out := range w.outputs() {
		info, err := find(lines, out.Line)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", out.role, err), b.Refused())
			continue
		}
		l, err := newLamp(b, info, *out.Output)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, l.close())
	}
	return errors.Join(errs...)
}
