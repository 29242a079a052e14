package page

import (
	"math"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// room is a room as somebody may see it.
type room struct {
	practice.Room
	Consultations bool // it says when the room records, and what waits to be copied
	Lately        bool // it was heard lately, and the person may not know when
}

// query returns the rooms that a filter selects and a person may see.
func (p *Page) query(f practice.Filter, who people.Person) ([]room, practice.Counts) {
	if who.Role == people.Site {
		if len(f.Sites) > 0 && !slices.Contains(f.Sites, who.Site) {
			return nil, practice.Counts{ByState: map[practice.State]int{}, Sites: []string{who.Site}}
		}
		f.Sites = []string{who.Site}
	}
	f.Mild = !who.Consultations()
	found, counts := p.Source.Query(f)
	now := p.Source.Status().At
	if who.Role == people.Site {
		counts.Sites, counts.Refused = []string{who.Site}, 0
	}
	rooms := make([]room, 0, len(found))
	for i := range found {
		rooms = append(rooms, seen(found[i], who, now))
	}
	return rooms, counts
}

// room returns a room, if the person may see it.
func (p *Page) room(id practice.RoomID, who people.Person) (room, bool) {
	if !who.Sees(id.Site) {
		return room{}, false
	}
	r, ok := p.Source.Room(id)
	return seen(r, who, p.Source.Status().At), ok
}

// seen removes from a room what a person may not see. A viewer may know whether a room works, but
// not when it records: neither from the state and its time, nor from what grows with a recording.
func seen(r practice.Room, who people.Person, now time.Time) room {
	if who.Consultations() {
		return room{Room: r, Consultations: true}
	}
	r.State = mild(r.State)
	if r.State == practice.Ready || r.State == practice.Hand && len(r.Alerts) > 0 && ofConsultation(r.Alerts[0].Code) {
		r.Since = time.Time{}
	}
	// Any message counts as heard, also that a recording starts. Of a room that isn't late nobody
	// needs the time.
	lately := !r.Heard.IsZero() && now.Sub(r.Heard) < practice.DefaultLate
	if lately {
		r.Heard = time.Time{}
	}
	r.Heard = r.Heard.Truncate(time.Minute)
	r.Notes, r.Missed = nil, 0
	if r.Closed != nil {
		r.Closed = &practice.Closure{Until: r.Closed.Until}
	}
	r.Alerts = slices.Clone(r.Alerts)
	for i := range r.Alerts {
		a := &r.Alerts[i]
		a.Text = "" // its details may name recordings
		if w, ok := health.Lookup(a.Code); ok {
			a.Text = w.Text + " " + w.Do
		}
		if ofConsultation(a.Code) {
			a.Since = time.Time{}
		}
	}
	if r.Unit != nil {
		u := *r.Unit
		if u.Phase == topic.Recording {
			u.Phase = topic.Idle
		}
		if u.Mic == topic.MicUntried || u.Mic == topic.MicOK {
			u.Mic = "" // the first recording tries it
		}
		u.Since, u.Pending, u.OldestPendingH, u.Seq = time.Time{}, 0, nil, 0
		if h := u.SpoolFreeH; h != nil {
			coarse := math.Floor(*h/10) * 10
			if *h < 10 {
				coarse = math.Floor(*h)
			}
			u.SpoolFreeH = &coarse
		}
		r.Unit = &u
	}
	return room{Room: r, Lately: lately}
}

// ofConsultation reports whether a warning comes up while a room records or just after, so that its
// time tells when that was.
func ofConsultation(code health.Code) bool {
	switch code {
	case health.MicSilent, health.MicStalled, health.MicPace, health.SamplesLost, health.EncoderFault:
		return true
	}
	return strings.HasPrefix(string(code), "recording-")
}

// entriesSeen returns the lines of the history that a person may see, as they may see them.
func entriesSeen(all []practice.Entry, who people.Person) (seen []practice.Entry) {
	for _, e := range all {
		if !entrySeen(e, who) {
			continue
		}
		if !who.Consultations() {
			e.State, e.From = mild(e.State), mild(e.From)
		}
		seen = append(seen, e)
	}
	return seen
}

func mild(s practice.State) practice.State {
	if s == practice.Recording {
		return practice.Ready
	}
	return s
}

func entrySeen(e practice.Entry, who people.Person) bool {
	if e.Room.Site != "" && !who.Sees(e.Room.Site) {
		return false
	}
	if who.Consultations() {
		return true
	}
	switch e.Kind {
	case practice.Started, practice.Ended, practice.Copied, practice.Released, practice.Missed, practice.Found:
		return false
	case practice.Moved:
		// A warning may come up because the room records. Silence doesn't: it is shown, for a line that
		// is missing would tell as well.
		calm := func(s practice.State) bool {
			return s == practice.Ready || s == practice.Hand || s == practice.Recording
		}
		records := e.State == practice.Recording || e.From == practice.Recording
		return !records || !calm(e.State) || !calm(e.From)
	case practice.Faulted, practice.Cleared:
		return !ofConsultation(e.Code)
	}
	return true
}
