// Package hw drives the wall unit's hardware over GPIO: the consent buttons, the light that says
// the microphone is open, its sense line, the status light, the buzzer and the door contact. It lists
// lines and drives outputs through periph (periph.io/x/host/v3/gpioioctl), which uses the kernel's character
// devices /dev/gpiochip*. Buttons and door use the same devices directly, because periph drops the
// time of an edge and does not tell whether edges were lost before it.
//
//	panel, err := hw.Open(ctx, hw.Wiring{
//		Buttons: []hw.Input{{Line: "GPIO5", ActiveLow: true}},
//		Light:   hw.Output{Line: "GPIO27"},
//	})
//	if err != nil { … }
//	defer panel.Close()
//	go panel.Buttons().Watch(ctx, func(input int, active bool, at time.Time, fresh bool) { … })
//
// A line is written by its kernel name (GPIO5) or as chip and number (gpiochip0:5). A name that is
// unknown, or on two chips, is an error that lists the candidates.
//
// Promises:
//
//   - An error is never a press, and names its line.
//   - Edges are delivered raw: without debouncing or omissions, in order over all lines, with the
//     kernel's time. Momentary and latching switches are both just levels.
//   - Each edge says whether it is fresh. One that is not may withdraw consent but never give it
//     (see [Buttons.Watch]).
//   - When levels are read, every earlier edge has been delivered (see [Buttons.Read]).
//   - The last level reported is the line's level: it is checked after every burst and by every
//     Read. If it differs and no edge comes, a synthetic edge is delivered, which is never fresh.
//   - A line that is stuck pressed is reported like any other level; the daemon raises the warning.
//   - The light is dark from Open until it is switched on, and after Close. It goes from dark to
//     lit in one change. The buzzer is silent in the same way.
//   - An output is never read back. Only the sense line tells what the light does.
//   - An idle panel never wakes. What the kernel does not report is found by the next Read.
//   - A call that hangs delays no call on another line, and no edge of its own line.
//
// Open calls periph's Init, which may close files of others (see keepStdin): open the panel before
// anything else in the process opens files.
//
// Package hwtest has a Board for tests, which behaves like the kernel and periph below the same
// code.
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
	Role      string // of one of the Buttons, for errors; "" for "button 1" and so on
}

// An Output is a line that is driven.
type Output struct {
	Line      string
	ActiveLow bool // low is lit
}

// A Wiring says which line each part is connected to.
type Wiring struct {
	Buttons []Input // one, or one per party, in the configuration's order
	Door    *Input  // optional; active is open
	Light   Output
	Sense   *Input  // optional; active is lit
	Status  *Output // optional
	Buzzer  *Output // optional
}

// ErrClosed is the error of every call after Close.
var ErrClosed = errors.New("the panel is closed")

// A Panel is the opened hardware. It holds its lines until Close, so that no other process can take
// them.
type Panel struct {
	buttons *Buttons
	light   *Light
	status  *StatusLight // nil if not wired
	buzzer  *Buzzer      // nil if not wired
	close   sync.Once
	err     error // of closing
}

// Open opens the machine's GPIO, waiting a little for a chip whose driver is still loading, and
// requests the lines.
func Open(ctx context.Context, w Wiring) (*Panel, error) {
	b, err := GPIO(ctx, w.chips()...)
	if err != nil {
		return nil, err
	}
	return OpenOn(b, w)
}

// OpenOn requests the lines of a Board: the machine's, or one for a test.
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

// take requests the lines, the outputs first, so that they are off before a button can be read.
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
	if w.Buzzer != nil {
		lamp, err := newLamp(b, lines[role{name: "buzzer"}], *w.Buzzer)
		if err != nil {
			return err
		}
		p.buzzer = &Buzzer{lamp: lamp}
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

// Buttons returns the buttons, followed by the door contact.
func (p *Panel) Buttons() *Buttons { return p.buttons }

// Light returns the light that says the microphone is open.
func (p *Panel) Light() *Light { return p.light }

// StatusLight returns nil if none is wired. A nil *StatusLight in an interface is not a nil
// interface.
func (p *Panel) StatusLight() *StatusLight { return p.status }

// Buzzer returns nil if none is wired, like StatusLight.
func (p *Panel) Buzzer() *Buzzer { return p.buzzer }

// Close ends a running Watch, switches the outputs off and releases all lines. What they do then
// depends on the kernel: a Raspberry Pi's keeps the level of an output, the mainline kernel makes
// it an input.
func (p *Panel) Close() error {
	p.close.Do(func() {
		errs := []error{p.buttons.close()}
		if p.light != nil {
			errs = append(errs, p.light.close())
		}
		if p.status != nil {
			errs = append(errs, p.status.close())
		}
		if p.buzzer != nil {
			errs = append(errs, p.buzzer.close())
		}
		p.err = errors.Join(errs...)
	})
	return p.err
}

// LightsOut switches off the lights and the buzzer that a killed daemon may have left on. It fails while a daemon
// holds the lines.
func LightsOut(ctx context.Context, w Wiring) error {
	b, err := GPIO(ctx, w.chips()...)
	if err != nil {
		return err
	}
	return LightsOutOn(b, w)
}

// LightsOutOn is LightsOut on a Board. It tries each output, even if another fails.
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
