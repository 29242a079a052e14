package simpanel

import "slices"

// Levels is everything that can be read from a panel at one moment, in one word. Another process
// can read it without anybody answering, as a program reads lines through the kernel.
type Levels uint32

const (
	plain  Levels = 1 << 31 // the word is complete, which it is not while a light blinks or a line fails
	sensed Levels = 1 << 30 // there is a sense line
	lit    Levels = 1 << 29 // the sense line sees the light

	count      = 24 // the lower bits hold the inputs, the upper ones their number
	mostInputs = count
)

// Lines returns the inputs, as Buttons.Read does. known is false if the panel has to be asked.
func (l Levels) Lines() (lines []bool, known bool) {
	if l&plain == 0 {
		return nil, false
	}
	lines = make([]bool, l>>count&(1<<5-1))
	for i := range lines {
		lines[i] = l>>i&1 != 0
	}
	return lines, true
}

// Sense returns what Light.Sense does. known is false if the panel has to be asked.
func (l Levels) Sense() (isLit, hasLine, known bool) {
	return l&lit != 0, l&sensed != 0, l&plain != 0
}

// Mirror calls show with the levels, now and at each change until stop is called. A change is shown
// before the call that made it returns. show must not block and must not call the panel.
func (p *Panel) Mirror(show func(Levels)) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	m := &mirror{show}
	p.mirrors = append(p.mirrors, m)
	show(p.levels())
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.mirrors = slices.DeleteFunc(p.mirrors, func(o *mirror) bool { return o == m })
	}
}

// mirror is one receiver of the levels.
type mirror struct{ show func(Levels) }

// levels returns the present levels. The caller holds mu.
func (p *Panel) levels() (l Levels) {
	f, glow := p.faults, p.Light.lamp.glow()
	if f.Read != nil || f.Door != nil || f.Sense != nil || glow != On && glow != Off || len(p.inputs) > mostInputs {
		return 0
	}
	l = plain | Levels(len(p.inputs))<<count
	for i := range p.inputs {
		if p.inputs[i].active {
			l |= 1 << i
		}
	}
	if !p.settings.Sense {
		return l
	}
	l |= sensed
	if f.SenseStuck != nil && *f.SenseStuck || f.SenseStuck == nil && glow == On {
		l |= lit
	}
	return l
}
