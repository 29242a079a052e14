package consent

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// edgesEach times rapid's 100 checks is a million edges, over the three kinds of room.
const edgesEach = 3400

// TestRandom makes random histories: hands that give properly, lines that chatter, answers that are
// late, fail or never come, Ticks on time and late. The checker sees each step, the oracle the
// whole history. In the end the light is off.
func TestRandom(t *testing.T) {
	for _, buttons := range []string{"m", "ml", "mml"} {
		t.Run(buttons, func(t *testing.T) {
			total, reached := 0, map[string]int{}
			rapid.Check(t, func(t *rapid.T) {
				p := newPlay(settings(buttons))
				p.set.Max, p.set.Quiet = 90*time.Second, 40*time.Second
				p.m.set, p.c.set = p.set, p.set
				for p.edges < edgesEach {
					if err := p.wander(throw(t)); err != nil {
						t.Fatalf("%v after the start: %v; the last steps:%s", p.now.Sub(epoch), err, p.tail())
					}
				}
				if err := p.finish(throw(t)); err != nil {
					t.Fatal(err)
				}
				if err := explain(p.set, p.trace); err != nil {
					t.Fatal(err)
				}
				total += p.edges
				p.count(reached)
			})
			t.Logf("%d edges; %v", total, reached)
			for _, what := range []string{"open", "recording", "withdrawn", "lapsed", "fault", "stopped", "flash",
				CauseMax, CauseQuiet, CauseDoor, CauseFault, CauseStopped, CauseSlept, "begin", "discard"} {
				if reached[what] == 0 && !t.Failed() {
					t.Errorf("never came to %s", what)
				}
			}
		})
	}
}

// dice derives choices from one random number.
type dice uint64

// throw draws a number and spreads it, since rapid prefers small ones. 0, the simplest one, stays
// 0.
func throw(t *rapid.T) dice {
	n := rapid.Uint64().Draw(t, "")
	n *= 0x9e3779b97f4a7c15
	n ^= n >> 32
	n *= 0xd6e8feb86659fd93
	n ^= n >> 29
	return dice(n)
}

func (d *dice) roll(sides uint64) int {
	n := uint64(*d) % sides
	*d /= dice(sides)
	return int(n)
}

var pauses = []time.Duration{0, time.Millisecond, 5 * time.Millisecond, 29 * time.Millisecond, 30 * time.Millisecond,
	49 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 300 * time.Millisecond, time.Second,
	2999 * time.Millisecond, 3 * time.Second, 5 * time.Second, 5001 * time.Millisecond, 15 * time.Second, 31 * time.Second}

// wander does something after a pause, which is usually short and on time.
func (p *play) wander(d dice) error {
	pause := pauses[d.roll(8)]
	if d.roll(8) == 0 {
		pause = pauses[d.roll(uint64(len(pauses)))]
	}
	due, ok := p.m.Deadline()
	late := d.roll(4) == 0 && (!ok || due.After(p.now))
	if err := p.pass(pause, late); err != nil {
		return err
	}
	button := d.roll(uint64(len(p.set.Buttons)))
	switch kind := d.roll(100); {
	case kind < 2:
		return p.step(Tick{})
	case kind < 25:
		return p.hand(button)
	case kind < 35:
		return p.meeting(d)
	case kind < 65:
		agos := []time.Duration{0, 0, 0, 0, 0, 5 * time.Millisecond, 10 * time.Millisecond, 250 * time.Millisecond,
			251 * time.Millisecond, time.Second}
		return p.line(button, !p.m.Pressed(button), d.roll(12) > 0, agos[d.roll(uint64(len(agos)))])
	case kind < 67:
		return p.line(button, p.m.Pressed(button), true, 0)
	case kind < 85:
		return p.answer(d.roll(3), d.roll(40) > 0)
	case kind < 94:
		return p.all()
	case kind < 96:
		if p.w.open {
			return p.step(Sound{})
		}
	case kind < 97:
		return p.step(Ready{d.roll(3) > 0})
	case kind < 98:
		return p.step(Door{At: p.now.Add(-time.Duration(d.roll(2)) * 7 * time.Millisecond)})
	case kind < 99:
		return p.step([]Event{Fault{}, Slept{}}[d.roll(2)])
	default:
		if p.edges > edgesEach-100 {
			return p.step(Stop{})
		}
	}
	return nil
}

// meeting is the normal course: after a quiet time everybody gives, everything is answered, and
// perhaps nobody touches anything until consent lapses.
func (p *play) meeting(d dice) error {
	if err := p.pass(pauses[8+d.roll(4)], false); err != nil {
		return err
	}
	for i := range p.set.Buttons {
		if p.m.Consented(i) {
			continue
		}
		if err := p.hand(i); err != nil {
			return err
		}
		if err := p.pass(pauses[d.roll(8)], false); err != nil {
			return err
		}
	}
	if d.roll(3) == 0 {
		return nil
	}
	if err := p.all(); err != nil {
		return err
	}
	if d.roll(4) > 0 {
		return nil
	}
	loud := d.roll(2) == 0
	for range 10 {
		if p.w.open && loud {
			if err := p.step(Sound{}); err != nil {
				return err
			}
		}
		if err := p.pass(10*time.Second, false); err != nil {
			return err
		}
	}
	return nil
}

// line is one raw edge, which arrives some time later, in order.
func (p *play) line(button int, pressed, fresh bool, ago time.Duration) error {
	at := later(p.now.Add(-ago), p.last[button])
	return p.step(Edge{Button: button, Pressed: pressed, At: at, Fresh: fresh})
}

// hand moves a switch, or presses a button as people do.
func (p *play) hand(button int) error {
	if p.set.Buttons[button].Style == Latching {
		return p.line(button, !p.m.Pressed(button), true, 0)
	}
	for _, pressed := range []bool{true, false} {
		if p.m.Pressed(button) != pressed {
			if err := p.line(button, pressed, true, 0); err != nil {
				return err
			}
		}
		if err := p.pass(120*time.Millisecond, false); err != nil {
			return err
		}
	}
	return nil
}

// answer gives one due answer, or samples.
func (p *play) answer(which int, ok bool) error {
	var ev Event
	switch which {
	case 0:
		if !ok {
			p.w.recall()
		}
		ev = p.w.lightAnswer(ok)
	case 1:
		ev = p.w.headAnswer(ok)
	default:
		if ev = p.w.micAnswer(ok); ev == nil && p.w.open {
			ev = Samples{}
			if p.c.heard {
				ev = Keepable{}
			}
		}
	}
	if ev == nil {
		return nil
	}
	return p.step(ev)
}

// all makes everything ready and gives every answer, until none is due.
func (p *play) all() error {
	if p.m.Phase() == Faulty {
		if err := p.step(Ready{true}); err != nil {
			return err
		}
	}
	for p.w.n > 0 || p.w.head != headNone || p.w.mic != micClosed {
		for which := range 3 {
			if err := p.answer(which, true); err != nil {
				return err
			}
		}
	}
	for _, which := range []int{2, 2, 1} { // samples, those that may be kept, the head on disk
		if err := p.answer(which, true); err != nil {
			return err
		}
	}
	return nil
}

// finish stops the machine, often while it records, answers everything, and checks that it is idle,
// dark and closed, whatever hands do.
func (p *play) finish(d dice) error {
	if d.roll(2) == 0 {
		if err := p.all(); err != nil {
			return err
		}
		if err := p.pass(40*time.Second, false); err != nil { // what it recorded has lapsed
			return err
		}
		if err := p.all(); err != nil {
			return err
		}
		if err := p.meeting(d); err != nil {
			return err
		}
	}
	if err := p.step(Stop{}); err != nil {
		return err
	}
	for range 3 {
		for which := range 12 {
			if err := p.answer(which%3, true); err != nil {
				return err
			}
		}
		for i := range p.set.Buttons {
			if err := p.hand(i); err != nil {
				return err
			}
		}
	}
	if ph := p.m.Phase(); ph != Idle && ph != Faulty || p.w.open || p.c.light == '1' || p.c.light == 'p' {
		return fmt.Errorf("after Stop: %v, microphone open %v, light %q", ph, p.w.open, p.c.light)
	}
	return nil
}

// count counts the outcomes of histories.
func (p *play) count(reached map[string]int) {
	for _, s := range p.trace {
		reached[s.phase.String()]++
		for _, e := range s.out {
			reached[effectWords([]Effect{e})]++
			if end, ok := e.(End); ok {
				reached[end.Acts[0].Cause]++
			}
		}
	}
}

// TestHostile sends any event at any time, including unrequested answers. The promises hold all the
// same.
func TestHostile(t *testing.T) {
	recorded := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(settings("ml"))
		for range 1500 {
			d := throw(t)
			if err := p.pass(pauses[d.roll(8)], false); err != nil {
				t.Fatal(err)
			}
			ok := d.roll(16) > 0
			anything := []Event{Lit{ok}, Prepared{ok}, Opened{ok}, Samples{}, Keepable{}, Begun{ok}, Closed{}, Dark{}, Ended{},
				Ready{ok}, Sound{}, Tick{}}
			var err error
			switch kind := d.roll(20); {
			case kind < 3:
				err = p.hand(d.roll(2))
			case kind < 5:
				err = p.meeting(d)
			case kind < 19:
				err = p.step(anything[d.roll(uint64(len(anything)))])
			default:
				err = p.step([]Event{Fault{}, Door{At: p.now}}[d.roll(2)])
			}
			if err != nil {
				t.Fatalf("%v after the start: %v; the last steps:%s", p.now.Sub(epoch), err, p.tail())
			}
			if p.m.Phase() == Recording {
				recorded++
			}
		}
	})
	if recorded == 0 && !t.Failed() {
		t.Error("never came to recording")
	}
}

// TestHandOnly is promise 3: without an edge, no sequence of events requests anything.
func TestHandOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, now := New(settings("ml"), epoch), epoch
		for range 2000 {
			d := throw(t)
			now = now.Add(pauses[d.roll(uint64(len(pauses)))])
			ok := d.roll(4) > 0
			events := []Event{Ready{ok}, Lit{ok}, Prepared{ok}, Opened{ok}, Samples{}, Keepable{}, Begun{ok}, Sound{}, Fault{},
				Slept{}, Closed{}, Dark{}, Ended{},
				Tick{}, Door{At: now}, Ready{true}, Edge{Button: d.roll(2), Pressed: ok, At: now}}
			ev := events[d.roll(uint64(len(events)))]
			if _, edge := ev.(Edge); edge && d.roll(2) == 0 {
				ev = Tick{}
			}
			if out := m.Step(now, ev); len(out) > 0 || m.Phase() != Idle && m.Phase() != Faulty || m.Acts() != nil {
				t.Fatalf("%T led to %v in phase %v", ev, out, m.Phase())
			}
		}
	})
}
