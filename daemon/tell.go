package daemon

import (
	"context"
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// witnessEvery is how often the running recording's checkpoint goes out.
const witnessEvery = time.Minute

// teller says over MQTT what the unit says of itself. Its methods are called by the owner and never
// block.
type teller struct {
	client    voice
	faults    []fault  // as last told
	lengths   []length // of the last recordings
	witnessed time.Time
	due       bool // the ledger's head has to go out
	unsaid    bool // the client has heard nothing yet
}

// voice is what a teller needs of the broker's client.
type voice interface {
	Publish(topic.State)
	Alerts(map[string]string)
	Event(topic.Event)
	Ledger(topic.Ledger)
}

// fault is a warning that is up; one for each store that it is up for.
type fault struct{ code, store string }

// length is how long a recording is.
type length struct {
	id      string
	seconds *float64
}

// keptLengths bounds how many are remembered: of recordings that wait longer for their copy, it
// isn't told.
const keptLengths = 1000

// tell keeps the unit's broker up to date, if the configuration names one, until ctx ends; then it
// says that the unit is offline.
func (d *Daemon) tell(ctx context.Context) {
	if d.cfg.MQTT == nil {
		return
	}
	c, err := mqtt.New(d.brokerOptions())
	if err != nil { // of what config has checked
		d.warn(health.InternalError, err)
		return
	}
	d.post(tellerReady{c})
	if err := c.Run(ctx); err != nil {
		d.log.Warn("leaving the broker", "err", err)
	}
}

// say hands the broker's client what has changed.
func (t *teller) say(d *Daemon, s *Status, now time.Time) {
	if t.client == nil {
		return
	}
	t.unsaid = false
	t.client.Publish(t.state(d, s))
	alerts := map[string]string{}
	for _, w := range s.Warnings {
		alerts[string(w.Code)] = topic.OneLine(w.Message())
	}
	t.tellFaults(faultsOf(s.Warnings))
	t.client.Alerts(alerts)
	t.witness(d, s, now)
}

// tellFaults says which warnings came and which went.
func (t *teller) tellFaults(up []fault) {
	for _, f := range up {
		if !slices.Contains(t.faults, f) {
			t.client.Event(topic.Event{Type: topic.Faulted, Code: f.code, Store: f.store})
		}
	}
	for _, f := range t.faults {
		if !slices.Contains(up, f) {
			t.client.Event(topic.Event{Type: topic.Cleared, Code: f.code, Store: f.store})
		}
	}
	t.faults = up
}

func faultsOf(warnings []health.Active) (all []fault) {
	for _, w := range warnings {
		if !w.Problem() {
			continue
		}
		for _, c := range w.Causes {
			f := fault{code: string(w.Code)}
			if strings.HasPrefix(f.code, "store-") {
				f.store = c.On // of other warnings it is something else
			}
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// witness hands out the ledger's head and the running recording's checkpoint: at the start, every
// minute of a recording, and at its end. At no other time, or a consent that was withdrawn at once
// would show, in the lines that the ledger has of it.
func (t *teller) witness(d *Daemon, s *Status, now time.Time) {
	if d.disk == nil || !t.due && (s.Recording == "" || now.Sub(t.witnessed) < witnessEvery) {
		return
	}
	t.due, t.witnessed = false, now
	t.client.Ledger(topic.Ledger{Head: string(d.disk.ledger.Head()), Recording: s.Recording, Checkpoint: s.Checkpoint})
}

func (t *teller) event(e topic.Event) {
	e = t.measured(e)
	if t.client != nil {
		t.client.Event(e)
	}
}

// measured adds its recording's length to an event that comes after the end, where this process
// made the recording.
func (t *teller) measured(e topic.Event) topic.Event {
	i := slices.IndexFunc(t.lengths, func(l length) bool { return l.id == e.Recording })
	switch {
	case e.Type == topic.Ended && i < 0:
		if len(t.lengths) == keptLengths {
			t.lengths = slices.Delete(t.lengths, 0, 1)
		}
		t.lengths = append(t.lengths, length{e.Recording, e.Seconds})
	case (e.Type == topic.Copied || e.Type == topic.Released) && i >= 0:
		e.Seconds = t.lengths[i].seconds
	}
	return e
}

// state is the status as the topic has it.
func (t *teller) state(d *Daemon, s *Status) topic.State {
	out := topic.State{
		Version: s.Version, Clock: topic.Clock(s.Clock), Phase: topic.Phase(s.Phase),
		Mic: topic.Mic(s.Mic), Light: topic.Light(s.Light),
		Config: d.cfg.Hash(), Recipients: topic.RecipientsHash(fingerprintsOf(d.recipients(d.disk))), UnitKey: s.UnitKey,
	}
	if d.disk != nil {
		out.SpoolFreeH = topic.Hours(s.SpoolFree)
	}
	out.Pending = s.Pending
	if s.Pending > 0 && !s.Oldest.IsZero() {
		out.OldestPendingH = topic.Hours(s.Oldest.Age(d.hw.Clock.Now()))
	}
	for _, st := range s.Stores {
		if out.Stores == nil {
			out.Stores = map[string]topic.Store{}
		}
		out.Stores[st.Name] = st.State
	}
	for _, w := range s.Warnings {
		out.Alerts = append(out.Alerts, string(w.Code))
	}
	if len(s.Warnings) > 0 {
		out.Remedy = s.Warnings[0].Remedy() // they are sorted, the worst first
	}
	return out
}
