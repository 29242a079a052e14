package page

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// roomView is a room's page.
type roomView struct {
	tile
	Sentence string // its state in words
	Alerts   []alertView
	Facts    []fact
	Stores   []storeView
	Acts     bool
	Notes    []noteView
	Snooze   bool // snoozing is offered
	Snoozed  moment
	By       string // who snoozed
	Days     timeline
	Changes  []line
	Missed   int
	Path     string
	From     string // a closed period's suggested start, for the form
}

type alertView struct {
	Title, Text string
	Since       moment
	Store       string
	Kind        string // fault, attention or note
	Blocks      bool
}

// fact is a line about a room. Odd: it differs from what it should be.
type fact struct {
	Name, Value string
	At          moment
	Odd         bool
	Why         string
}

type storeView struct {
	Name, Word string
	OK         bool
}

type noteView struct {
	ID   int64
	At   moment
	By   string
	Text string
}

// maxChanges is the most lines of a room's history on its page.
const maxChanges = 60

// roomScreen fills in a room's page.
func (p *Page) roomScreen(ctx context.Context, s *screen, id practice.RoomID, now time.Time) error {
	r, ok := p.room(id, s.Who)
	if !ok {
		return errNoPage
	}
	entries, err := p.Source.Timeline(ctx, id, now.Add(-days*24*time.Hour), now)
	if err != nil {
		return fmt.Errorf("read the room's history: %w", err)
	}
	entries = entriesSeen(entries, s.Who)
	v := roomView{tile: p.tile(r, now), Acts: s.Who.Acts(), Path: "/room/" + id.String(), Missed: r.Missed,
		Sentence: p.sentence(r, now), Facts: p.facts(r, now), Stores: storeViews(r), Alerts: p.alertViews(r, now),
		From: now.In(p.Location).Format("2006-01-02T15:04")}
	v.Days = p.timeline(entries, r, now)
	for _, e := range slices.Backward(entries) {
		if len(v.Changes) == maxChanges {
			break
		}
		v.Changes = append(v.Changes, line{At: p.moment(e.At, now), Text: capital(entryWords(e)), Kind: kind(e)})
	}
	for _, n := range r.Notes {
		v.Notes = append(v.Notes, noteView{n.ID, p.moment(n.At, now), n.By, n.Text})
	}
	if v.Snooze = v.Acts && p.Desk != nil; v.Snooze {
		until, by, err := p.Desk.Snoozed(ctx, id)
		if err != nil {
			return fmt.Errorf("look whether the room is snoozed: %w", err)
		}
		if by != "" && until.After(now) {
			v.Snoozed, v.By = p.moment(until, now), by
		}
	}
	s.name, s.Tab, s.Heading, s.Content = "room", "rooms", r.Title(), v
	s.Title = fmt.Sprintf("%s: %s · Tacet", r.Title(), r.word())
	s.Said = r.Title() + ": " + r.word() + "."
	s.parts = []string{"room-state", "room-alerts", "room-facts", "room-stores", "room-days", "room-changes", "room-notes"}
	s.slow = true
	return nil
}

// sentence is the room's state in words.
func (p *Page) sentence(r room, now time.Time) string {
	since := p.clock(r.Since, now)
	heard := p.clock(r.Heard, now)
	text := ""
	switch r.State {
	case practice.Ready:
		text = "The room can record."
	case practice.Recording:
		text = fmt.Sprintf("The room is recording, since %s.", since)
	case practice.Hand:
		text = "The room needs a hand" + after(", since ", since) + ": " + decapital(r.headline()) + "."
		if r.Phase() == topic.Recording {
			text += " It is recording meanwhile."
		}
	case practice.Late:
		text = "A sign of life from the room is overdue. They come every 30 seconds; the last one came" + after(" at ", heard) + "."
	case practice.Silent:
		text = "The room is silent: nothing has come from it" + after(" since ", heard) + "."
		if heard == "" {
			text = "The room is silent: nothing has come from it while the dashboard has been running."
		}
	case practice.Never:
		text = "The room is on the list, but nothing has ever come from it."
	case practice.Unknown:
		text = "Something publishes as this room, but the room is not on the list. Anybody whom the broker lets publish there can do that."
	}
	if r.Doubt != "" {
		return sentences(r.Doubt) + " What follows is how it was: " + decapital(text)
	}
	return text
}

func after(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}

func decapital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func (p *Page) alertViews(r room, now time.Time) (all []alertView) {
	for _, a := range r.Alerts {
		all = append(all, alertView{a.Title, cmp.Or(a.Text, a.Remedy), p.moment(a.Since, now), a.Store, a.Severity.String(),
			a.Blocks})
	}
	return all
}

var storeWords = map[topic.Store]string{
	topic.StoreOK: "connected", topic.StoreMissing: "missing", topic.StoreFull: "full",
	topic.StoreReadOnly: "read-only", topic.StoreError: "error",
}

func storeViews(r room) (all []storeView) {
	if r.Unit == nil {
		return nil
	}
	for name, state := range r.Unit.Stores {
		all = append(all, storeView{name, cmp.Or(storeWords[state], string(state)), state == topic.StoreOK})
	}
	slices.SortFunc(all, func(a, b storeView) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// maxSkew is how far a unit's clock may be off before it stands out.
const maxSkew = time.Minute

// facts are what is known of a room's unit.
func (p *Page) facts(r room, now time.Time) []fact {
	all := []fact{{Name: "Last heard", Value: "never", At: p.moment(r.Heard, now)}}
	if r.Lately {
		all[0].Value = "in the last minute"
	}
	u := r.Unit
	if u == nil {
		return all
	}
	if r.Consultations {
		all = append(all, fact{Name: "Waiting to be copied", Value: fmt.Sprintf("%d %s", u.Pending, plural(u.Pending,
			"recording", "recordings")),
			Odd: u.OldestPendingH != nil && *u.OldestPendingH > 24})
		if u.OldestPendingH != nil {
			all = append(all, fact{Name: "The oldest has waited", Value: hours(u.OldestPendingH), Odd: *u.OldestPendingH > 24})
		}
	}
	all = append(all,
		fact{Name: "Room left on the unit", Value: hours(u.SpoolFreeH) + " of recording", Odd: u.SpoolFreeH != nil && *u.SpoolFreeH < 24},
		fact{Name: "Microphone", Value: micWords[u.Mic], Odd: u.Mic == topic.MicMissing || u.Mic == topic.MicFault},
		fact{Name: "Light", Value: lightWords[u.Light]},
		fact{Name: "Version that runs", Value: u.Version})
	if u.VersionWaiting != "" {
		all = append(all, fact{Name: "Version that waits", Value: u.VersionWaiting + ", starts when nobody records"})
	}
	clock := fact{Name: "Clock", Value: "set by the network", Odd: u.Clock != topic.ClockSynced}
	if clock.Odd {
		clock.Value = "not set by the network: times may be wrong"
	}
	if r.Skew.Abs() > maxSkew {
		clock.Odd = true
		clock.Value += fmt.Sprintf(", %s off this computer’s", span(r.Skew.Abs()))
	}
	return append(all, clock,
		fact{Name: "Configuration", Value: u.Config},
		fact{Name: "Recipients", Value: u.Recipients, Odd: r.WrongRecipients,
			Why: "The list of rooms says otherwise. Recordings may be opened by somebody else, or not by you."},
		fact{Name: "Unit’s key", Value: u.UnitKey, Odd: r.WrongKey, Why: "The list of rooms has another key: the unit was replaced, or this is another one."},
		fact{Name: "Broker", Value: r.Broker})
}

var micWords = map[topic.Mic]string{"": "no fault is known", topic.MicOK: "there", topic.MicUntried: "not tried yet",
	topic.MicMissing: "missing", topic.MicFault: "out of order"}

var lightWords = map[topic.Light]string{
	topic.LightProved:   "seen by its sense line",
	topic.LightUnproved: "driven, but nothing checks it",
}

// kind sorts lines of the history for the eye.
func kind(e practice.Entry) string {
	switch e.Kind {
	case practice.Faulted:
		if w, ok := health.Lookup(e.Code); ok && w.Severity == health.Note {
			return ""
		}
		return "hand"
	case practice.Missed, practice.Unlinked, practice.Forgot, practice.Clock, practice.Recipients, practice.NewKey:
		return "hand"
	case practice.Moved:
		return string(e.State)
	case practice.Cleared:
		return "ready"
	}
	return ""
}
