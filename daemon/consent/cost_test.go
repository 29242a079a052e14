package consent

import (
	"testing"
	"time"
)

// Steps without effects allocate nothing, since samples come all the time.
func TestStepAllocatesNothing(t *testing.T) {
	s := newScript(t, settings("ml"))
	s.run(`give0 give1 record`)
	events := []Event{Samples{}, Sound{}, Tick{}, Ready{true}}
	if n := testing.AllocsPerRun(100, func() {
		for _, ev := range events {
			s.m.Step(s.now, ev)
			s.m.Deadline()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkStep(b *testing.B) {
	m := New(settings("ml"), epoch)
	m.Step(epoch, Ready{true})
	now := epoch
	pressed := false
	for b.Loop() {
		now = now.Add(time.Millisecond)
		pressed = !pressed
		m.Step(now, Edge{Pressed: pressed, At: now, Fresh: true})
	}
}
