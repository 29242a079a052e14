package mqtt

import (
	"slices"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// witnessEvery is how often the running recording's checkpoint goes out.
const witnessEvery = time.Minute

// Publisher is what an Announcer needs of a Client.
type Publisher interface {
	Publish(topic.State)
	Alerts(map[string]string)
	Event(topic.Event)
	Ledger(topic.Ledger)
}

// Snapshot is the unit at one time.
type Snapshot struct {
	State      topic.State     // but for Alerts and Remedy
	Warnings   []health.Active // that are up, the worst first
	LedgerHead string          // empty: the disk is not there
	Recording  string          // ID of the running one, or empty
	Checkpoint string          // its last
}

// Announcer decides what is said when: which warnings came and went, when the ledger's head and a
// checkpoint go out, and how long the recording is that an event is about. The zero value has no
// client yet, and says nothing. One goroutine uses it; its methods do not block.
type Announcer struct {
	client    Publisher
	unsaid    bool      // the client has heard nothing yet
	faults    []fault   // as last said
	lengths   []length  // of the last recordings
	witnessed time.Time // when the ledger's head last went out
	witness   bool      // it has to go out now
}

// fault is a warning that is up, and the store that it is about, if any.
type fault struct{ code, store string }

// Connect gives it the client. The next Say says everything.
func (a *Announcer) Connect(client Publisher) {
	a.client, a.witness, a.unsaid = client, true, true
}

// Due reports whether something has to be said although nothing has changed.
func (a *Announcer) Due() bool { return a.unsaid }

// WitnessNow has the next Say send the ledger's head.
func (a *Announcer) WitnessNow() { a.witness = true }

// Say says how the unit is, after something has changed.
func (a *Announcer) Say(s Snapshot, now time.Time) {
	if a.client == nil {
		return
	}
	a.unsaid = false
	alerts := map[string]string{}
	for _, w := range s.Warnings {
		s.State.Alerts = append(s.State.Alerts, string(w.Code))
		alerts[string(w.Code)] = topic.OneLine(w.Message())
	}
	if len(s.Warnings) > 0 {
		s.State.Remedy = s.Warnings[0].Remedy()
	}
	a.client.Publish(s.State)
	a.sayFaults(faultsOf(s.Warnings))
	a.client.Alerts(alerts)
	a.sayLedger(s, now)
}

// sayFaults says which warnings came and which went.
func (a *Announcer) sayFaults(up []fault) {
	for _, f := range up {
		if !slices.Contains(a.faults, f) {
			a.client.Event(topic.Event{Type: topic.Faulted, Code: f.code, Store: f.store})
		}
	}
	for _, f := range a.faults {
		if !slices.Contains(up, f) {
			a.client.Event(topic.Event{Type: topic.Cleared, Code: f.code, Store: f.store})
		}
	}
	a.faults = up
}

func faultsOf(warnings []health.Active) (all []fault) {
	for _, w := range warnings {
		if !w.Problem() {
			continue
		}
		for _, c := range w.Causes {
			f := fault{code: string(w.Code)}
			if strings.HasPrefix(f.code, "store-") {
				f.store = c.On // in other warnings it is not a store
			}
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// sayLedger sends the ledger's head and the running recording's checkpoint to the witness: at the
// start, every minute of a recording, and at its end. At other times the head would show, by the
// entries it covers, a consent that was withdrawn at once.
func (a *Announcer) sayLedger(s Snapshot, now time.Time) {
	if s.LedgerHead == "" || !a.witness && (s.Recording == "" || now.Sub(a.witnessed) < witnessEvery) {
		return
	}
	a.witness, a.witnessed = false, now
	a.client.Ledger(topic.Ledger{Head: s.LedgerHead, Recording: s.Recording, Checkpoint: s.Checkpoint})
}

// Event says that something has happened. An event after the end of a recording gets its length.
func (a *Announcer) Event(e topic.Event) {
	e = a.withLength(e)
	if a.client != nil {
		a.client.Event(e)
	}
}

// length is how long a recording is.
type length struct {
	recording string
	seconds   *float64
}

// maxLengths bounds the lengths that are remembered. If more recordings wait for their copies, the
// events of the oldest are published without a length.
const maxLengths = 1000

// withLength adds its recording's length to an event, if this process made the recording.
func (a *Announcer) withLength(e topic.Event) topic.Event {
	i := slices.IndexFunc(a.lengths, func(l length) bool { return l.recording == e.Recording })
	switch {
	case e.Type == topic.Ended && i < 0:
		if len(a.lengths) == maxLengths {
			a.lengths = slices.Delete(a.lengths, 0, 1)
		}
		a.lengths = append(a.lengths, length{e.Recording, e.Seconds})
	case (e.Type == topic.Copied || e.Type == topic.Released) && i >= 0:
		e.Seconds = a.lengths[i].seconds
	}
	return e
}
