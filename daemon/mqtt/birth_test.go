package mqtt

import (
	"testing"
	"time"
)

func TestBirthOfHomeAssistantIsAnsweredAndNotTooOften(t *testing.T) {
	m := installed(t).start(t)
	hour := func(o Options) Options { o.Heartbeat = time.Hour; return o }
	u := launch(t, hour(options(m.address())), nil)
	u.awaitConnected(t)
	w := watch(t, m.address())
	count := func(all []heard) (discoveries, states int) {
		for _, h := range all {
			switch {
			case h.retained:
			case h.topic == names.Discovery():
				discoveries++
			case h.topic == names.State():
				states++
			}
		}
		return
	}
	w.say(t, "homeassistant/status", "online", false)
	w.await(t, "an answer", func(all []heard) bool { d, s := count(all); return d == 1 && s == 1 })
	for range 50 {
		w.say(t, "homeassistant/status", "online", false)
		w.say(t, "homeassistant/status", "offline", false)
	}
	w.await(t, "a second answer", func(all []heard) bool { d, s := count(all); return d == 2 && s == 2 })
	u.stop()
	if d, s := count(w.all()); d > 3 || s > 3 {
		t.Errorf("51 births were answered with %d discoveries and %d states", d, s)
	}
}

// A retained birth message is ignored: the greeting has just published everything.
func TestARetainedBirthIsNoNews(t *testing.T) {
	m := installed(t).start(t)
	w := watch(t, m.address())
	w.say(t, "homeassistant/status", "online", true)
	o := options(m.address())
	o.Heartbeat = 50 * time.Millisecond
	u := launch(t, o, nil)
	u.awaitConnected(t)
	beats := func(all []heard) (n, discoveries int) {
		for _, h := range all {
			if h.topic == names.Heartbeat() {
				n++
			}
			if h.topic == names.Discovery() {
				discoveries++
			}
		}
		return
	}
	all := w.await(t, "a few heartbeats", func(all []heard) bool { n, _ := beats(all); return n > 5 })
	if _, d := beats(all); d != 1 {
		t.Errorf("discovery was published %d times: %v, %q", d, u.reports.all(), u.logs.all())
	}
}
