package simpanel

// Faults are what can be wrong behind the front. The zero Faults is a front in order.
type Faults struct {
	Light       error // the light's line can't be driven: it stays as it is
	StatusLight error // nor the status light's
	Blown       bool  // the light is driven, and stays dark
	Sense       error // the sense line can't be read
	SenseStuck  *bool // the sense line always reads so
	Read        error // the buttons' lines can't be read
	Watch       error // nor waited for: Watch ends
	Door        error // the door contact's line can't be read, nor waited for
	Stale       bool  // every edge comes with an unknown age
}

// broken is all that fails, or only the door's line, of which it is said so.
func (f Faults) broken(all error, door int) error {
	if all == nil && f.Door != nil {
		return doorError{f.Door, door}
	}
	return all
}

// doorError is as the real lines' errors: it tells which input it is of.
type doorError struct {
	error
	input int
}

func (e doorError) Unwrap() error { return e.error }

// Input is the door's number, as Watch counts.
func (e doorError) Input() int { return e.input }

// Break sets what is wrong from now on; Break(Faults{}) mends all.
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
