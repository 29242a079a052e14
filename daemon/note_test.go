package daemon_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/topic"
	"tacet/hw/simpanel"
)

// interrupted is a room whose power went in a recording, and which is there again.
func interrupted(t *testing.T) (*room, *listener) {
	r := newRoom(t, "room")
	r.boot()
	r.press("room")
	r.phase("recording", time.Second)
	pause(5 * time.Second)
	spool, own := r.spool.PowerCut(100, durabletest.Sector), r.own.PowerCut(100, durabletest.Sector)
	r.halt() // its disks are gone: what it returns does not matter
	r.spool, r.own = spool, own
	l := &listener{}
	r.boot()
	r.d.TellTo(l)
	r.until("the note", 5*time.Second, func() bool { return slices.Contains(l.last().Alerts, "recording-interrupted") })
	return r, l
}

// A recording that the power cut short needs nobody: it is noted until the next one has ended well,
// and neither an event nor the status light takes it for a fault.
func TestANoteIsNoProblem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := interrupted(t)
		pause(10 * time.Minute)
		if g := r.front.State().StatusLight; g != simpanel.On {
			t.Errorf("the status light is %v", g)
		}
		if s := l.last(); s.Phase != topic.Idle ||
			s.Remedy != "Nothing needs to be done for this recording. If it happens again, find out who unplugs the unit." {
			t.Errorf("the state says %s, %q", s.Phase, s.Remedy)
		}
		r.hears(l, "with a note", nil, topic.Faulted, topic.Cleared)
		r.recordsAgain()
		pause(time.Second)
		if s := l.last(); len(s.Alerts) > 0 || s.Remedy != "" {
			t.Errorf("after the next recording: %q, %q", s.Alerts, s.Remedy)
		}
		r.finish()
	})
}

// It lasts a day at most; and a recording that a fault ended is not one that ended well.
func TestANoteLastsADayAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := interrupted(t)
		r.press("room")
		r.phase("recording", time.Second)
		pause(2 * time.Second)
		r.mic.fail(errors.New("pulled"))
		pause(time.Minute)
		if s := l.last(); !slices.Contains(s.Alerts, "recording-interrupted") {
			t.Errorf("after a recording that failed: %q", s.Alerts)
		}
		pause(23 * time.Hour)
		if s := l.last(); !slices.Contains(s.Alerts, "recording-interrupted") {
			t.Errorf("within a day: %q", s.Alerts)
		}
		pause(time.Hour)
		if s := l.last(); slices.Contains(s.Alerts, "recording-interrupted") {
			t.Errorf("after a day: %q", s.Alerts)
		}
		r.finish()
	})
}

// A disk whose free room wavers is told once.
func TestRoomThatWavers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &counting{}
		r.boot()
		r.d.TellTo(l)
		r.phase("idle", time.Second)
		pause(time.Minute)
		const hour = 3600 * (rate*2 + 2200)
		l.states()
		for i := range 200 {
			r.spool.Full(int64(3500*hour) + int64(i%2)*hour/10)
			pause(10 * time.Second)
		}
		if n := l.states(); n > 1 {
			t.Errorf("%d states in half an hour", n)
		}
		r.spool.Full(3000 * hour)
		pause(time.Minute)
		if s := l.last(); s.SpoolFreeH == nil || *s.SpoolFreeH != 3000 {
			t.Errorf("it says %v", *s.SpoolFreeH)
		}
		r.finish()
	})
}

// counting counts the states that the daemon hands out.
type counting struct {
	listener
	n int
}

func (c *counting) Publish(s topic.State) {
	c.mu.Lock()
	before := c.state
	c.mu.Unlock()
	c.listener.Publish(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	if before.SpoolFreeH == nil || *before.SpoolFreeH != *s.SpoolFreeH {
		c.n++
	}
}

// states is how often the room left was another one, since it was last asked.
func (c *counting) states() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = 0
	return n
}
