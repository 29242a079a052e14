package simpanel

// Faults are what can be wrong with a panel. The zero Faults is a panel without faults.
type Faults struct {
	Light       error // the light's line can't be driven and keeps its level
	StatusLight error // the same for the status light
	Buzzer      error // the same for the buzzer
	Blown       bool  // the light stays dark when it is driven
	Sense       error // the sense line can't be read
	SenseStuck  *bool // what the sense line always reads, or nil
	Read        error // the buttons' lines can't be read
	Watch       error // the buttons' lines can't be waited for: Watch fails
	Door        error // the door contact's line can't be read or waited for
	Stale       bool  // every edge has an unknown age
}

// broken is the error of all lines, or that of the door's line.
func (f Faults) broken(all error, door int) error {
	if all == nil && f.Door != nil {
		return doorError{f.Door, door}
	}
	return all
}

// doorError names its input, like the errors of real lines.
type doorError struct {
	error
	input int
}

func (e doorError) Unwrap() error { return e.error }

// Input is the door's number, as in Watch.
func (e doorError) Input() int { return e.input }

// Break sets the faults from now on; Break(Faults{}) removes all.
func (p *Panel) Break(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	p.Light.lamp.blown = f.Blown
	for _, w := range p.watches {
		w.rouse()
	}
	p.touch()
}
