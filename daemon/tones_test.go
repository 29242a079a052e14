package daemon_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/hw/simpanel"
)

// echo puts the buzzer's tones into what the microphone hears from a time on.
func (r *room) echo(samples []int16, from time.Time) {
	for _, tone := range r.front.Buzzer.Tones() {
		for i := range samples {
			at := from.Add(time.Duration(i/perMS) * time.Millisecond).Sub(tone.At)
			if at >= 0 && (tone.For == 0 || at < tone.For) {
				samples[i] = int16(8000 - i/4%2*16000)
			}
		}
	}
}

// closed returns when the microphone was last asked to close.
func (m *mic) closed() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.closing
}

// tones returns how many tones were heard, in groups that sound as one signal.
func (r *room) tones() (signals []int) {
	r.Helper()
	synctest.Wait()
	var last time.Time
	for _, t := range r.front.Buzzer.Tones() {
		if t.For < 100*time.Millisecond || t.For > 300*time.Millisecond {
			r.Errorf("a tone of %s", t.For)
		}
		if t.At.Sub(last) < 500*time.Millisecond {
			signals[len(signals)-1]++
		} else {
			signals = append(signals, 1)
		}
		last = t.At
	}
	return signals
}

func newRoomWithBuzzer(t *testing.T, repeat time.Duration, parties ...string) *room {
	r := newRoom(t, parties...)
	r.cfg.Buzzer = &config.Buzzer{Line: "GPIO24", Active: config.High, Repeat: repeat}
	return r
}

// The same two tones end every recording, so that nobody hears why. The first comes after the head
// is on the disk, the last after the microphone has closed.
func TestTonesOfARecording(t *testing.T) {
	for why, end := range map[string]func(*room){
		"withdrawn by the patient":   func(r *room) { r.press("patient") },
		"withdrawn by the clinician": func(r *room) { r.press("clinician") },
		"the longest time":           func(*room) { pause(10 * time.Minute) },
		"the microphone pulled out":  func(r *room) { r.mic.unplug(errors.New("gone")) },
		"the light broken":           func(r *room) { r.wire(simpanel.Faults{Blown: true}) },
		"the lines broken":           func(r *room) { r.wire(simpanel.Faults{Read: errors.New("wire off")}) },
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoomWithBuzzer(t, 0, "patient", "clinician")
			r.cfg.Consent.Quiet, r.cfg.Consent.Max = 0, 10*time.Minute
			r.boot()
			r.press("patient")
			pause(time.Second)
			if got := r.tones(); got != nil {
				t.Errorf("%s: tones for half a consent: %v", why, got)
			}
			r.press("clinician")
			r.phase("recording", time.Second)
			pause(time.Second)
			if got := r.tones(); !slices.Equal(got, []int{1}) {
				t.Errorf("%s: at the start %v", why, got)
			}
			end(r)
			r.until("the end", 10*time.Second, func() bool { open, _ := r.mic.is(); return !open })
			pause(3 * time.Second)
			if got := r.tones(); !slices.Equal(got, []int{1, 2}) {
				t.Errorf("%s: at the end %v", why, got)
			}
			for _, tone := range r.front.Buzzer.Tones()[1:] {
				if closing := r.mic.closed(); tone.At.Before(closing) {
					t.Errorf("%s: a tone %s before the microphone closed", why, closing.Sub(tone.At))
				}
			}
			r.halt()
			if got := r.tones(); !slices.Equal(got, []int{1, 2}) {
				t.Errorf("%s: after the stop %v", why, got)
			}
		})
	}
}

// No tone tells of a refusal, of half a consent, or of a consent that is withdrawn at once.
func TestNoToneWithoutARecording(t *testing.T) {
	for why, act := range map[string]func(*room){
		"half a consent lapses":     func(r *room) { r.press("patient"); pause(time.Minute) },
		"half a consent is undone":  func(r *room) { r.press("patient"); pause(time.Second); r.press("patient") },
		"the microphone is missing": func(r *room) { r.mic.unplug(errors.New("gone")); r.press("patient"); r.press("clinician") },
		"withdrawn while it starts": func(r *room) {
			r.mic.set(func(m *mic) { m.takes = 500 * time.Millisecond })
			r.press("patient")
			r.press("clinician")
			pause(100 * time.Millisecond)
			r.press("patient")
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRoomWithBuzzer(t, 10*time.Second, "patient", "clinician")
			r.boot()
			act(r)
			pause(time.Minute)
			r.halt()
			if got := r.tones(); got != nil {
				t.Errorf("%s: %v", why, got)
			}
		})
	}
}

// The repeated tone is heard while it records, and does not make a quiet room a loud one.
func TestRepeatedTones(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoomWithBuzzer(t, 20*time.Second, "room")
		r.cfg.Consent.Quiet = 70 * time.Second
		r.mic.zero, r.mic.echo = true, true
		r.boot()
		r.press("room")
		r.phase("recording", time.Second)
		pause(68 * time.Second)
		if got := r.tones(); !slices.Equal(got, []int{1, 1, 1, 1}) {
			t.Errorf("after 68 s: %v", got)
		}
		first := r.front.Buzzer.Tones()[:4]
		for i, tone := range first[1:] {
			if every := tone.At.Sub(first[i].At); every < 20*time.Second || every > 21*time.Second {
				t.Errorf("a tone after %s", every)
			}
		}
		pause(5 * time.Second)
		if open, _ := r.mic.is(); open {
			t.Error("the microphone is open after 73 s in which only the buzzer was heard")
		}
		pause(time.Minute)
		if got := r.tones(); !slices.Equal(got, []int{1, 1, 1, 1, 2}) {
			t.Errorf("after the end: %v", got)
		}
		r.halt()
		if got := r.reports()[0].End.Reason; got != "lapsed" {
			t.Errorf("it ended as %q", got)
		}
	})
}

// A stop while it records waits for the two tones.
func TestTonesOfAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoomWithBuzzer(t, 0, "room")
		r.boot()
		r.press("room")
		r.phase("recording", time.Second)
		pause(time.Second)
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		if got := r.tones(); !slices.Equal(got, []int{1, 2}) || r.front.State().Buzzer != simpanel.Off {
			t.Errorf("%v, and the buzzer is %s", got, r.front.State().Buzzer)
		}
	})
}

// A buzzer that can't be silenced is tried again, and warned of.
func TestABuzzerThatCantBeSilenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoomWithBuzzer(t, 0, "room")
		r.boot()
		r.press("room")
		r.until("a tone", time.Second, func() bool { return r.front.State().Buzzer == simpanel.On })
		r.wire(simpanel.Faults{Buzzer: errors.New("wire off")})
		r.warned("buzzer-fault", 15*time.Second)
		if p := r.sees(); p != "recording" {
			t.Errorf("the phase is %s", p)
		}
		r.wire(simpanel.Faults{})
		r.until("silence", 6*time.Second, func() bool { return r.front.State().Buzzer == simpanel.Off })
		r.until("the warning's end", time.Minute, func() bool { return !slices.Contains(r.warnings(), "buzzer-fault") })
		r.halt()
	})
}

// A buzzer that hangs raises a warning and does no harm, also to the stop.
func TestABuzzerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoomWithBuzzer(t, 10*time.Second, "room")
		release := r.gates.buzzer.close()
		r.boot()
		r.press("room")
		r.phase("recording", time.Second)
		r.warned("buzzer-fault", 15*time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.recordsAgain()
		start := time.Now()
		if err := r.halt(); err != nil || time.Since(start) > 2*time.Second {
			t.Errorf("the stop took %s: %v", time.Since(start), err)
		}
		release()
		pause(time.Second)
	})
}
