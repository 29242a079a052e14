package simpanel

import (
	"slices"
	"time"
)

// mostTones is how many tones a panel remembers.
const mostTones = 1000

// Buzzer sounds while it is on. The panel's mu guards it.
type Buzzer struct {
	p     *Panel
	on    bool
	tones []Tone // the last ones
	count int    // of all tones
}

// Tone is one tone that was heard in the room.
type Tone struct {
	At  time.Time
	For time.Duration // 0 while it sounds
}

// On starts a tone.
func (b *Buzzer) On() error { return b.drive(true) }

// Off ends it.
func (b *Buzzer) Off() error { return b.drive(false) }

// Tones returns the last tones, the oldest first.
func (b *Buzzer) Tones() []Tone {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	return slices.Clone(b.tones)
}

func (b *Buzzer) drive(on bool) error {
	b.p.mu.Lock()
	defer b.p.mu.Unlock()
	if err := b.p.faults.Buzzer; err != nil {
		return err
	}
	b.set(on)
	return nil
}

// set starts or ends a tone. The caller holds mu.
func (b *Buzzer) set(on bool) {
	if on == b.on {
		return
	}
	b.on = on
	if on {
		b.count++
		b.tones = append(b.tones[max(0, len(b.tones)+1-mostTones):], Tone{At: time.Now()})
	} else {
		last := &b.tones[len(b.tones)-1]
		last.For = time.Since(last.At)
	}
	b.p.touch()
}

// state returns whether it sounds, and how many tones there were. The caller holds mu.
func (b *Buzzer) state() (Glow, int) {
	if b.on {
		return On, b.count
	}
	return Off, b.count
}
