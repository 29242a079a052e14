package fleet

import (
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// recipients is the hash of the recipients of every simulated room.
var recipients = topic.RecipientsHash([]string{"simulated"})

// speaker is what a unit says something with: its client.
type speaker interface {
	Publish(topic.State)
	Alerts(map[string]string)
	Event(topic.Event)
	Ledger(topic.Ledger)
}

// unit is what a unit knows. Its disk survives restarts and power cuts, the rest does not.
type unit struct {
	rand *rand.Rand
	key  unitKey
	say  speaker // nil: it does not run

	// On its disk.
	version, waiting string
	config           string
	pending          []time.Time        // when the recordings ended that some store lacks
	used             float64            // hours of its disk
	held             map[string]float64 // of these, by recording
	leaves           int                // of the ledger

	recording string // the running one
	started   time.Time
	seconds   map[string]*float64 // lengths of recordings that ended since the start, by ID
	alerts    map[health.Code]mishapUp
	events    uint64 // since the start
}

// mishapUp is a warning that is up.
type mishapUp struct {
	since time.Time
	store string
}

// spoolHours is how many hours of recording fit on a unit's disk.
const spoolHours = 400

var storeNames = []string{"drive", "nas"}

func newUnit(r *rand.Rand, key unitKey) *unit {
	return &unit{rand: r, key: key, version: "1.2.3", config: hex.EncodeToString(randomBytes(r, 16)),
		used: float64(r.IntN(spoolHours / 2)), held: map[string]float64{}, leaves: 1 + r.IntN(5000),
		seconds: map[string]*float64{}, alerts: map[health.Code]mishapUp{}}
}

// boot is a start: what was only in memory is gone. It returns the recording that the power cut
// interrupted, or nothing.
func (u *unit) boot(say speaker, now time.Time) (interrupted string, err error) {
	interrupted = u.recording
	u.say, u.recording, u.events = say, "", 0
	clear(u.seconds)
	clear(u.alerts)
	if interrupted != "" {
		u.pending = append(u.pending, now)
		u.hold(interrupted, now)
		u.alerts[health.RecordingInterrupted] = mishapUp{since: now}
		u.event(topic.Event{Type: topic.Faulted, Code: string(health.RecordingInterrupted)})
	}
	u.publish(now)
	return interrupted, u.ledger()
}

// begin starts a recording, if the unit can record.
func (u *unit) begin(id string, now time.Time) (bool, error) {
	if u.say == nil || u.recording != "" || u.blocked() {
		return false, nil
	}
	u.recording, u.started = id, now
	u.leaves++
	u.event(topic.Event{Type: topic.Started, Recording: id})
	u.publish(now)
	return true, u.ledger()
}

// end ends the recording, if one runs.
func (u *unit) end(now time.Time) (id string, err error) {
	if u.say == nil || u.recording == "" {
		return "", nil
	}
	id = u.recording
	u.recording = ""
	u.leaves++
	u.hold(id, now)
	u.seconds[id] = topic.Seconds(now.Sub(u.started))
	u.pending = append(u.pending, now)
	u.event(topic.Event{Type: topic.Ended, Recording: id, Seconds: u.seconds[id]})
	if _, up := u.alerts[health.RecordingInterrupted]; up { // a recording has ended well
		delete(u.alerts, health.RecordingInterrupted)
		u.event(topic.Event{Type: topic.Cleared, Code: string(health.RecordingInterrupted)})
	}
	u.publish(now)
	return id, u.ledger()
}

// hold takes room on the disk for the recording that is over.
func (u *unit) hold(id string, now time.Time) {
	u.held[id] = min(now.Sub(u.started).Hours(), spoolHours-u.used)
	u.used += u.held[id]
}

// copied says that a store has a recording. After the last store the unit's own copy goes.
func (u *unit) copied(id, store string, last bool, now time.Time) {
	if u.say == nil {
		return
	}
	u.leaves++
	u.event(topic.Event{Type: topic.Copied, Recording: id, Store: store, Seconds: u.seconds[id]})
	if last {
		u.leaves++
		u.event(topic.Event{Type: topic.Released, Recording: id, Seconds: u.seconds[id]})
		u.used -= u.held[id]
		delete(u.held, id)
		delete(u.seconds, id)
		if len(u.pending) > 0 {
			u.pending = u.pending[1:]
		}
	}
	u.publish(now)
}

// raise brings a warning up. It reports whether it was not up before.
func (u *unit) raise(m mishap, now time.Time) bool {
	if _, up := u.alerts[m.code]; up || u.say == nil {
		return false
	}
	u.alerts[m.code] = mishapUp{now, m.store}
	u.event(topic.Event{Type: topic.Faulted, Code: string(m.code), Store: m.store})
	u.publish(now)
	return true
}

// clear takes a warning down.
func (u *unit) clear(code health.Code, now time.Time) {
	up, is := u.alerts[code]
	if !is || u.say == nil {
		return
	}
	delete(u.alerts, code)
	u.event(topic.Event{Type: topic.Cleared, Code: string(code), Store: up.store})
	u.publish(now)
}

// blocked reports whether the unit can't record.
func (u *unit) blocked() bool {
	for code := range u.alerts {
		if w, ok := health.Lookup(code); ok && w.Blocks {
			return true
		}
	}
	return false
}

func (u *unit) event(e topic.Event) {
	u.events++
	u.say.Event(e)
}

// ledger publishes the head, and while the unit records a checkpoint.
func (u *unit) ledger() error {
	head, err := u.key.head(u.leaves, randomBytes(u.rand, 32))
	if err != nil {
		return fmt.Errorf("sign a head: %w", err)
	}
	l := topic.Ledger{Head: head, Recording: u.recording}
	if u.recording != "" {
		l.Checkpoint = head
	}
	u.say.Ledger(l)
	return nil
}

// publish publishes state and alerts.
func (u *unit) publish(now time.Time) {
	s := topic.State{
		Version: u.version, VersionWaiting: u.waiting, Clock: topic.ClockSynced, Phase: u.phase(), Mic: topic.MicOK,
		Light: topic.LightProved, SpoolFreeH: topic.Hours(time.Duration((spoolHours - u.used) * float64(time.Hour))),
		Pending: len(u.pending), Config: u.config, Recipients: recipients, UnitKey: u.key.public,
		Stores: map[string]topic.Store{},
	}
	if len(u.pending) > 0 {
		s.OldestPendingH = topic.Hours(now.Sub(u.pending[0]))
	}
	for _, name := range storeNames {
		s.Stores[name] = topic.StoreOK
	}
	texts := map[string]string{}
	var worst health.Warning
	for _, code := range slices.Sorted(maps.Keys(u.alerts)) {
		up := u.alerts[code]
		w, _ := health.Lookup(code)
		s.Alerts = append(s.Alerts, string(code))
		texts[string(code)] = health.Active{Warning: w, Since: up.since,
			Causes: []health.Cause{{On: up.store, Since: up.since}}}.Message()
		if worst.Code == "" || w.Severity > worst.Severity {
			worst = w
		}
		show(&s, code, up.store)
	}
	s.Remedy = worst.Remedy()
	u.say.Publish(s)
	u.say.Alerts(texts)
}

// show makes the state agree with a warning.
func show(s *topic.State, code health.Code, store string) {
	switch code {
	case health.MicMissing:
		s.Mic = topic.MicMissing
	case health.ClockUnsynced:
		s.Clock = topic.ClockUnsynced
	case health.LightSense:
		s.Light = topic.LightUnproved
	case health.StoreMissing:
		s.Stores[store] = topic.StoreMissing
	case health.StoreFull:
		s.Stores[store] = topic.StoreFull
	}
}

func (u *unit) phase() topic.Phase {
	switch {
	case u.recording != "":
		return topic.Recording
	case u.blocked():
		return topic.Fault
	}
	return topic.Idle
}
