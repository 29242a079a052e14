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

// interrupted returns a room after a power cut during a recording.
func interrupted(t *testing.T) (*room, *listener) {
	r := newRoom(t, "room")
	r.boot()
	r.press("room")
	r.phase("recording", time.Second)
	pause(5 * time.Second)
	spool, own := r.spool.PowerCut(100, durabletest.Sector), r.own.PowerCut(100, durabletest.Sector)
	r.halt() // fails: its disks are gone
	r.spool, r.own = spool, own
	l := &listener{}
	r.boot()
	r.d.Connect(l)
	r.until("the note", 5*time.Second, func() bool { return slices.Contains(l.last().Alerts, "recording-interrupted") })
	return r, l
}

// A recording that was cut short by a power cut needs nobody. It is noted until the next recording
// has ended well, and neither an event nor the status light treats it as a fault.
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

// The note lasts a day at most. A recording that was ended by a fault has not ended well.
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

// Free room that wavers is not said again and again.
func TestRoomThatWavers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := newRoom(t, "room"), &counting{}
		r.boot()
		r.d.Connect(l)
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

// counting counts the states that the daemon publishes.
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

// states returns how often the room left has changed since the last call.
func (c *counting) states() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.n
	c.n = 0
	return n
}
