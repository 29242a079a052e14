// Package simpanel simulates the front of a wall unit in memory: its buttons, its door contact, its
// two lights, its buzzer and the slot for its thumb drive. The demo shows it in a browser; tests press its
// buttons.
//
//	p := simpanel.New(simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}})
//	go d.Run(ctx)                  // a daemon with p.Buttons and p.Light
//	err := p.Press(ctx, "room")    // 100 ms down, and up again
//	p.State().Light                // off, on, pulse or flash
//
// It keeps the promises of a real panel:
//
//   - A light shows its pattern until it is driven again. After three quick flashes it is dark.
//   - A press lasts for [PressTime], and the same button can't be pressed again before [Rest] has
//     passed.
//   - Edges arrive in order, with the time of the change. At most [queued] of them wait; the edge
//     after a lost one has no known age.
//
// [Faults] has what can go wrong with the wiring. A Panel is safe for concurrent use and works
// inside a testing/synctest bubble.
package simpanel

import (
	"slices"
	"sync"
)

// Settings say what a panel has.
type Settings struct {
	Buttons     []Button
	Door        bool // a door contact, after the last button
	Sense       bool // a sense line for the light
	StatusLight bool
	Buzzer      bool
	Drive       bool // a slot for a thumb drive, with a drive in it at first
}

// Button is one consent button.
type Button struct {
	Party    string
	Latching bool // a switch that stays in its position
}

// Panel is the simulated front. A daemon uses its fields; its methods are the hands and eyes in the
// room.
type Panel struct {
	Buttons     *Buttons
	Light       *Light
	StatusLight *StatusLight // nil if there is none
	Buzzer      *Buzzer      // nil if there is none

	settings Settings

	mu      sync.Mutex // guards the fields below, and those of the parts
	inputs  []input    // the buttons, then the door
	drive   bool
	faults  Faults
	watches []*watch
	mirrors []*mirror
	changed chan struct{} // closed at the next change
}

// New makes a panel. The lights are dark, no button is pressed, the door is closed and the drive is
// in its slot.
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
	if s.Buzzer {
		p.Buzzer = &Buzzer{p: p}
	}
	return p
}

// State is the panel as a person in the room sees it.
type State struct {
	Light       Glow
	LightTurn   int  // counts how often the light was driven, to tell a second flash from the first
	StatusLight Glow // None if there is none
	Buzzer      Glow // On while it sounds, or Off; None if there is none
	Tones       int  // counts the tones
	Sense       Glow // what the sense line reads; None if there is none
	Buttons     []ButtonState
	Door        *bool // true is open; nil if there is no contact
	Drive       *bool // true is present; nil if there is no slot
}

// ButtonState is the state of one button.
type ButtonState struct {
	Button
	Pressed bool
}

// State returns the state of the panel.
func (p *Panel) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{Light: p.Light.lamp.glow(), LightTurn: p.Light.lamp.turn, StatusLight: None, Buzzer: None,
		Sense: p.sensed()}
	if p.StatusLight != nil {
		s.StatusLight = p.StatusLight.lamp.glow()
	}
	if p.Buzzer != nil {
		s.Buzzer, s.Tones = p.Buzzer.state()
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

// SetDrive plugs the thumb drive in or removes it. It reports whether there is a slot.
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

// PowerOff cuts the power: both lights go dark and the buzzer is silent. Switches, door and drive keep their state.
func (p *Panel) PowerOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show(&p.Light.lamp, Off)
	if p.StatusLight != nil {
		p.show(&p.StatusLight.lamp, Off)
	}
	if p.Buzzer != nil {
		p.Buzzer.set(false)
	}
}

// touch updates the mirrors and notifies Changed. The caller holds mu.
func (p *Panel) touch() {
	for _, m := range p.mirrors {
		m.show(p.levels())
	}
	close(p.changed)
	p.changed = make(chan struct{})
}
