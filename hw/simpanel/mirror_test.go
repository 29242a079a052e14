package simpanel

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// At each change a mirror at once has the same as Read and Sense, or says that they have to be
// called.
func TestMirrorSaysWhatReadAndSenseSay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Settings{Buttons: []Button{{Party: "patient"}, {Party: "clinician"}}, Door: true, Sense: true})
		var shown atomic.Uint32
		defer p.Mirror(func(now Levels) { shown.Store(uint32(now)) })()
		stuck := false
		for _, c := range []struct {
			what  string
			do    func()
			known bool
		}{
			{"at first", func() {}, true},
			{"a press", func() { p.Hold("clinician", true) }, true},
			{"the door", func() { p.SetDoor(true) }, true},
			{"a release", func() { p.Hold("clinician", false) }, true},
			{"the light", func() { p.Light.On() }, true},
			{"a light that pulses", func() { p.Light.Pulse() }, false},
			{"a light that flashes", func() { p.Light.Flash() }, false},
			{"flashes that are over", func() { <-time.After(2 * flashFor); synctest.Wait() }, true},
			{"a lamp that is blown", func() { p.Light.On(); p.Break(Faults{Blown: true}) }, true},
			{"a sense line that sticks", func() { p.Break(Faults{SenseStuck: &stuck}) }, true},
			{"no sense line", func() { p.Break(Faults{Sense: errors.New("wire off")}) }, false},
			{"no lines", func() { p.Break(Faults{Read: errors.New("wire off")}) }, false},
			{"all mended", func() { p.Break(Faults{}) }, true},
			{"no power", func() { p.PowerOff() }, true},
		} {
			c.do()
			l := Levels(shown.Load())
			lines, known := l.Lines()
			isLit, hasLine, sensed := l.Sense()
			if known != c.known || sensed != c.known {
				t.Errorf("%s: known is %v and %v", c.what, known, sensed)
			}
			if !known {
				continue
			}
			if read, err := p.Buttons.Read(); err != nil || !slices.Equal(lines, read) {
				t.Errorf("%s: %v, but Read says %v, %v", c.what, lines, read, err)
			}
			if a, b, err := p.Light.Sense(); a != isLit || b != hasLine || err != nil {
				t.Errorf("%s: %v, %v, but Sense says %v, %v, %v", c.what, isLit, hasLine, a, b, err)
			}
		}
	})
}

func TestMirrorEnds(t *testing.T) {
	p := New(Settings{Buttons: []Button{{Party: "room"}}})
	shown := 0
	stop := p.Mirror(func(Levels) { shown++ })
	stop()
	p.Hold("room", true)
	if shown != 1 {
		t.Errorf("shown %d times, want 1", shown)
	}
}
