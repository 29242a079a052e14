package simpanel

import "slices"

// Levels is all that can be read off a front at one moment, in one word, so that somebody in
// another process can read it as a program reads lines through the kernel: without anybody
// answering.
type Levels uint32

const (
	plain  Levels = 1 << 31 // this word says everything; not so while a light blinks or a wire is off
	sensed Levels = 1 << 30 // there is a sense line
	lit    Levels = 1 << 29 // and it sees the light

	count      = 24 // bits below hold the inputs, bits above how many there are
	mostInputs = count
)

// Lines are the inputs, as Buttons.Read has them. They are known unless somebody has to be asked.
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

// Sense is what Light.Sense has, unless somebody has to be asked.
func (l Levels) Sense() (isLit, hasLine, known bool) {
	return l&lit != 0, l&sensed != 0, l&plain != 0
}

// Mirror calls show with the levels, now and at each change until the returned function is called.
// A change is shown before the call that made it returns: a press that is heard of, and a light
// that was driven, can be read. Show must not block, and not call the panel.
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

// mirror is one of those who are shown the levels.
type mirror struct{ show func(Levels) }

// levels are those of now. The caller holds mu.
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
