package panel

// Faults are what can be wrong behind the front. The zero Faults is a front in
// order.
type Faults struct {
	Light       error // the light's line can't be driven: it stays as it is
	StatusLight error // nor the status light's
	Blown       bool  // the light is driven, and stays dark
	Sense       error // the sense line can't be read
	SenseStuck  *bool // the sense line always reads so
	Read        error // the buttons' lines can't be read
	Watch       error // nor waited for: Watch ends
	Stale       bool  // every edge comes with an unknown age
}

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
