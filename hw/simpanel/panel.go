// Package simpanel is the front of a wall unit that exists only in memory: its buttons, its door
// contact, its two lights and the place for its thumb drive. The demo draws it in a browser; tests
// press its buttons by hand.
//
//	p := simpanel.New(simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}})
//	go d.Run(ctx)                  // a daemon that was given p.Buttons and p.Light
//	err := p.Press(ctx, "room")    // 100 ms down, and up again
//	p.State().Light                // off, on, pulse or flash
//
// It promises what the real front keeps:
//
//   - A light shows its pattern by itself until it is driven again; three quick
//     flashes end, and the light is dark.
//   - A press is down for [PressTime], and the same button is never pressed
//     again before [Rest] has passed, as a finger couldn't.
//   - Edges arrive in order and with the time at which the line changed, at most
//     [queued] of them wait; the edge after one that was lost has no known age.
//
// Whatever can go wrong with wires is in [Faults]. A Panel is safe for use by several goroutines
// and works inside a testing/synctest bubble.
package simpanel

import (
	"slices"
	"sync"
)

// Settings say what is fitted to the front.
type Settings struct {
	Buttons     []Button
	Door        bool // a door contact, behind the last button
	Sense       bool // a sense line that reads the light back
	StatusLight bool
	Drive       bool // a place for a thumb drive; one is in it at first
}

// Button is one consent button.
type Button struct {
	Party    string
	Latching bool // a switch that stays where it was put
}

// Panel is the front. Its parts are what a daemon is wired to; its methods are the hands and eyes
// in the room.
type Panel struct {
	Buttons     *Buttons
	Light       *Light
	StatusLight *StatusLight // nil where none is fitted

	settings Settings

	mu      sync.Mutex // guards all below, and everything in the parts
	inputs  []input    // the buttons, and behind them the door
	drive   bool
	faults  Faults
	watches []*watch
	mirrors []*mirror
	changed chan struct{} // closed at the next change
}

// New fits a front. The lights are dark, no button is pressed, the door is shut and the drive is in
// its place.
func New(s Settings) *Panel {
	s.Buttons = slices.Clone(s.Buttons)
	p := &Panel{settings: s, drive: s.Drive, changed: make(chan struct{})}
	p.inputs = make([]input, len(s.Buttons), len(s.Buttons)+1)
	if s.Door {
		p.inputs = append(p.inputs, input{})
	}
	for i := range p.inputs {
		p.inputs[i].finger = make(chan struct{}, 1)
	}
	p.Buttons = &Buttons{p: p}
	p.Light = &Light{p: p}
	if s.StatusLight {
		p.StatusLight = &StatusLight{p: p, lamp: lamp{again: true}}
	}
	return p
}

// State is the front as a person in the room sees it.
type State struct {
	Light       Glow
	LightTurn   int  // moves each time the light is driven: a second flash isn't the first
	StatusLight Glow // None where none is fitted
	Sense       Glow // what the sense line reads; None where none is fitted
	Buttons     []ButtonState
	Door        *bool // true is open; nil where there is no contact
	Drive       *bool // true is present; nil where there is no place for one
}

// ButtonState is one button as it is now.
type ButtonState struct {
	Button
	Pressed bool
}

// State looks at the front.
func (p *Panel) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Light: p.Light.lamp.glow(), LightTurn: p.Light.lamp.turn, StatusLight: None, Sense: p.sensed()}
	if p.StatusLight != nil {
		s.StatusLight = p.StatusLight.lamp.glow()
	}
	for i, b := range p.settings.Buttons {
		s.Buttons = append(s.Buttons, ButtonState{Button: b, Pressed: p.inputs[i].active})
	}
	if p.settings.Door {
		open := p.inputs[p.door()].active
		s.Door = &open
	}
	if p.settings.Drive {
		drive := p.drive
		s.Drive = &drive
	}
	return s
}

// Changed returns a channel that is closed when the front next looks different. Take it before
// State, so that no change falls between the two.
func (p *Panel) Changed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.changed
}

// SetDrive puts the thumb drive in its place or takes it away, and says whether there is a place
// for one.
func (p *Panel) SetDrive(present bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.settings.Drive {
		return false
	}
	if p.drive != present {
		p.drive = present
		p.touch()
	}
	return true
}

// PowerOff is the moment at which the unit loses its power: both lights go dark. Switches, door and
// drive stay as they are.
func (p *Panel) PowerOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(&p.Light.lamp, Off)
	if p.StatusLight != nil {
		p.show(&p.StatusLight.lamp, Off)
	}
}

// touch shows and tells that the front changed. The caller holds mu.
func (p *Panel) touch() {
	for _, m := range p.mirrors {
		m.show(p.levels())
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
