package mqtt

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// The outbox agrees with a plain model over any sequence of operations.
func TestOutbox(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const limit = 5
		o := newOutbox(limit)
		topics := []string{"a", "b", "c"}
		latest := map[string]string{} // the last values set
		broker := map[string]string{} // what the broker has received on this connection
		var events, arrived []int     // events made; events acknowledged
		lost := 0
		var inFlight *message

		deliver := func() {
			if inFlight.event {
				var n int
				fmt.Sscan(string(inFlight.payload), &n)
				arrived = append(arrived, n)
				return
			}
			broker[inFlight.topic] = string(inFlight.payload)
		}
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				topic := rapid.SampledFrom(topics).Draw(t, "topic")
				latest[topic] = rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "payload")
				o.set(topic, []byte(latest[topic]))
			},
			"again": func(t *rapid.T) { o.resend(topics...) },
			"event": func(t *rapid.T) {
				events = append(events, len(events))
				o.addEvent("event", fmt.Append(nil, len(events)-1))
			},
			"send": func(t *rapid.T) {
				if inFlight != nil {
					t.Skip()
				}
				if m, ok := o.next(); ok {
					inFlight = &m
				}
			},
			"acknowledge": func(t *rapid.T) {
				if inFlight == nil {
					t.Skip()
				}
				deliver()
				o.done(true)
				inFlight = nil
			},
			"reconnect": func(t *rapid.T) {
				if inFlight != nil {
					if rapid.Bool().Draw(t, "it had arrived") {
						deliver()
					}
					o.done(false)
					inFlight = nil
				}
				broker = map[string]string{}
				o.restart(topics)
			},
			"drain": func(t *rapid.T) {
				if inFlight != nil {
					t.Skip()
				}
				for {
					m, ok := o.next()
					if !ok {
						break
					}
					inFlight = &m
					deliver()
					o.done(true)
				}
				inFlight = nil
				// Everything set has been sent, unless that was before this connection.
				for topic, payload := range broker {
					if latest[topic] != payload {
						t.Fatalf("%s is %q at the broker, but was set to %q", topic, payload, latest[topic])
					}
				}
			},
			"": func(t *rapid.T) {
				lost = int(o.droppedEvents())
				if len(o.queue) > limit+1+len(topics) {
					t.Fatalf("%d messages wait", len(o.queue))
				}
				once := slices.Compact(slices.Clone(arrived))
				if !slices.IsSorted(once) {
					t.Fatalf("events arrived as %v", arrived)
				}
				waiting := o.events
				if inFlight != nil && inFlight.event {
					waiting++
				}
				if len(events) > len(once)+waiting+lost {
					t.Fatalf("%d events made, %d arrived, %d wait, %d counted as dropped", len(events), len(once), waiting, lost)
				}
			},
		})
	})
}

func TestOutboxKeepsTheNewest(t *testing.T) {
	o := newOutbox(3)
	for i := range 10 {
		o.addEvent("event", fmt.Append(nil, i))
	}
	var got []string
	for m, ok := o.next(); ok; m, ok = o.next() {
		got = append(got, string(m.payload))
		o.done(true)
	}
	if want := []string{"7", "8", "9"}; !slices.Equal(got, want) || o.droppedEvents() != 7 {
		t.Errorf("kept %q and dropped %d", got, o.droppedEvents())
	}
}

func TestTheSameAgainIsNoNews(t *testing.T) {
	o := newOutbox(1)
	for _, payload := range []string{"", "", "x", "x"} {
		o.set("alert", []byte(payload))
		if _, ok := o.next(); ok {
			o.done(true)
			o.set("alert", []byte(payload))
		}
		if _, ok := o.next(); ok {
			t.Fatalf("%q is sent twice", payload)
		}
	}
	// What changes while it is in flight is sent again.
	o.set("alert", []byte("y"))
	o.next()
	o.set("alert", []byte("z"))
	o.done(true)
	if m, ok := o.next(); !ok || string(m.payload) != "z" {
		t.Errorf("%q is what the broker hears last", m.payload)
	}
}

// A reader of the event that a recording started has already received the state.
func TestStateGoesBeforeAnEventThatCameLater(t *testing.T) {
	o := newOutbox(10)
	o.set("state", []byte("recording"))
	o.addEvent("event", []byte("started"))
	o.set("state", []byte("idle"))
	var got []string
	for m, ok := o.next(); ok; m, ok = o.next() {
		got = append(got, string(m.payload))
		o.done(true)
	}
	if want := []string{"idle", "started"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestRetryGrowsAndStaysBelowAHeartbeat(t *testing.T) {
	heartbeat := 30 * time.Second
	r := retry{min: standardTiming.retryMin, max: min(standardTiming.retryMax, heartbeat*2/3)}
	seen := make(map[time.Duration]bool)
	for range 100 {
		d := r.next(time.Second)
		if d < r.min/2 || d > r.max || d+standardTiming.connect > heartbeat {
			t.Fatalf("a pause of %v", d)
		}
		seen[d] = true
	}
	if len(seen) < 90 {
		t.Errorf("%d different pauses of 100: no jitter", len(seen))
	}
	if r.last != r.max {
		t.Errorf("after 100 failures the pause is %v", r.last)
	}
	if d := r.next(time.Hour); d > r.min {
		t.Errorf("after a good connection the pause is %v", d)
	}
}
