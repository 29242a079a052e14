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
	if who.Role == people.Site {
		counts.Sites, counts.Refused = []string{who.Site}, 0
	}
	rooms := make([]room, 0, len(found))
	for i := range found {
		rooms = append(rooms, seen(found[i], who))
	}
	return rooms, counts
}

// room returns a room, if the person may see it.
func (p *Page) room(id practice.RoomID, who people.Person) (room, bool) {
	if !who.Sees(id.Site) {
		return room{}, false
	}
	r, ok := p.Source.Room(id)
	return seen(r, who), ok
}

// seen removes from a room what a person may not see. A viewer may know whether a room works, but
// not when it records: neither from the state and its time, nor from what grows with a recording.
func seen(r practice.Room, who people.Person) room {
	if who.Consultations() {
		return room{r, true}
	}
	if r.State == practice.Recording {
		r.State = practice.Ready
	}
	if r.State == practice.Ready || r.State == practice.Hand && len(r.Alerts) > 0 && ofConsultation(r.Alerts[0].Code) {
		r.Since = time.Time{}
	}
	r.Heard = r.Heard.Truncate(time.Minute) // any message counts as heard, also that a recording starts
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
	return room{r, false}
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

// entrySeen reports whether a person may see a line of the history.
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
		return e.State != practice.Recording && e.From != practice.Recording
	case practice.Faulted, practice.Cleared:
		return !ofConsultation(e.Code)
	}
	return true
}
