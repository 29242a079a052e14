package daemon_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/lines"
	"tacet/hw/simpanel"
)

// A gate makes calls hang while it is shut.
type gate struct {
	mu   sync.Mutex
	shut chan struct{} // guarded by mu; nil: open
}

// close makes calls wait until the returned function is called.
func (g *gate) close() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut := make(chan struct{})
	g.shut = shut
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(shut)
		g.shut = nil
	}
}

func (g *gate) pass() {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if shut != nil {
		<-shut
	}
}

// gates are the parts of a room that can hang.
type gates struct{ lines, light, status, buzzer, log gate }

type gatedButtons struct {
	lines.Inputs
	r *room
}

func (b gatedButtons) Read() ([]bool, error) {
	b.r.gates.lines.pass()
	return b.Inputs.Read()
}

type gatedStatus struct{ r *room }

func (s gatedStatus) call(drive func() error) error {
	s.r.gates.status.pass()
	return drive()
}

func (s gatedStatus) Steady() error { return s.call(s.r.front.StatusLight.Steady) }
func (s gatedStatus) Pulse() error  { return s.call(s.r.front.StatusLight.Pulse) }
func (s gatedStatus) Flash() error  { return s.call(s.r.front.StatusLight.Flash) }
func (s gatedStatus) Off() error    { return s.call(s.r.front.StatusLight.Off) }

type gatedBuzzer struct{ r *room }

func (b gatedBuzzer) On() error {
	b.r.gates.buzzer.pass()
	return b.r.front.Buzzer.On()
}

func (b gatedBuzzer) Off() error {
	b.r.gates.buzzer.pass()
	return b.r.front.Buzzer.Off()
}

type gatedLog struct{ r *room }

func (l gatedLog) Write(b []byte) (int, error) {
	l.r.gates.log.pass()
	return l.r.Output().Write(b)
}

// A hand is heard whatever hangs: no sample from after the edge is kept, the microphone is asked to
// close at once, and the light is lit while it may be open.
func TestAHandIsHeardWhateverHangs(t *testing.T) {
	for _, c := range []struct {
		what string
		hang func(r *room) (release func())
	}{
		{"nothing", func(*room) func() { return func() {} }},
		{"the spool's disk", func(r *room) func() { return r.spool.Hang() }},
		{"the ledger's disk", func(r *room) func() { return r.own.Hang() }},
		{"the log", func(r *room) func() { return r.gates.log.close() }},
		{"the sound card", func(r *room) func() { return r.mic.gate.close() }},
		{"the lines", func(r *room) func() { return r.gates.lines.close() }},
		{"the light", func(r *room) func() { return r.gates.light.close() }},
		{"the status light", func(r *room) func() { return r.gates.status.close() }},
		{"all of it", func(r *room) func() {
			all := []func(){
				r.spool.Hang(), r.own.Hang(), r.gates.log.close(), r.mic.gate.close(), r.gates.lines.close(), r.gates.light.close(),
				r.gates.status.close(),
			}
			return func() {
				for _, release := range all {
					release()
				}
			}
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordingRoom(t, "room")
				pause(2 * time.Second)
				release := c.hang(r)
				pause(300 * time.Millisecond)
				edge := time.Now()
				r.front.Hold("room", true)
				pause(100 * time.Millisecond)
				r.mic.mu.Lock()
				closing := r.mic.closing
				r.mic.mu.Unlock()
				if closing.Before(edge) {
					t.Error("100 ms after the press the microphone has not been asked to close")
				}
				if open, _ := r.mic.is(); open && r.front.State().Light != simpanel.On {
					t.Errorf("the microphone is open and the light is %s", r.front.State().Light)
				}
				r.front.Hold("room", false)
				pause(500 * time.Millisecond)
				release()
				r.phase("idle", 5*time.Second)
				r.finish()
				if _, last := r.span(r.kept(0)); since(edge, last) >= 0 {
					t.Errorf("a sample from %s after the press is kept", since(edge, last))
				}
			})
		})
	}
}

// If the card never closes, the light stays lit until the process has ended.
func TestACardThatHangsKeepsItsLight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		release := r.mic.gate.close()
		defer release()
		edge := time.Now()
		r.front.Hold("room", true)
		err := <-r.ended
		if err == nil || !strings.Contains(err.Error(), "may be open") {
			t.Errorf("it ended with %v", err)
		}
		if took := time.Since(edge); took > 5100*time.Millisecond {
			t.Errorf("it ended after %s", took)
		}
		if g := r.shows(); g != simpanel.On {
			t.Errorf("the light is %s", g)
		}
		r.stop()
	})
}

// What hangs raises a warning, and nothing is recorded while lines or light don't answer.
func TestLinesAndLightThatDontAnswer(t *testing.T) {
	for _, c := range []struct {
		gate func(*room) *gate
		code string
	}{
		{func(r *room) *gate { return &r.gates.lines }, "button-fault"},
		{func(r *room) *gate { return &r.gates.light }, "light-fault"},
	} {
		t.Run(c.code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := recordingRoom(t, "room")
				pause(2 * time.Second)
				hung := time.Now()
				release := c.gate(r).close()
				r.warned(c.code, time.Second)
				pause(time.Second)
				r.mic.mu.Lock()
				closing := r.mic.closing
				r.mic.mu.Unlock()
				if closing.Before(hung) {
					t.Error("it goes on recording")
				}
				release()
				r.recordsAgain()
				r.finish()
				if _, last := r.span(r.kept(0)); since(hung, last) > 150*time.Millisecond {
					t.Errorf("a sample from %s later is kept", since(hung, last))
				}
			})
		})
	}
}

// A status light that hangs raises a warning and does no harm.
func TestAStatusLightThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		release := r.gates.status.close()
		r.boot()
		r.phase("idle", time.Second)
		r.warned("status-light-fault", 15*time.Second)
		r.press("room")
		r.phase("recording", time.Second)
		release()
		r.until("its end", time.Minute, func() bool { return !slices.Contains(r.warnings(), "status-light-fault") })
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.finish()
	})
}
