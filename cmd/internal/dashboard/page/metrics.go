package page

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
)

// The text is written by hand: a dozen gauges that are made anew for each request, for what one
// account may see. The usual library keeps its gauges between requests and brings eight modules.

// metrics answers in Prometheus's text format.
func (p *Page) metrics(w http.ResponseWriter, _ *http.Request, who people.Person) {
	rooms, counts := p.query(practice.Filter{}, who)
	status := p.Source.Status()
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	out := bufio.NewWriter(w)
	defer out.Flush()
	m := meter{out}
	if !who.Consultations() {
		for i := range status.Links { // the last message may say that a recording starts
			l := &status.Links[i]
			if !l.Last.IsZero() && status.At.Sub(l.Last) < practice.DefaultLate {
				l.Last = status.At
			}
			l.Last = l.Last.Truncate(time.Minute)
		}
		status.Clocks.Skew = status.Clocks.Skew.Round(time.Second) // each message moves it a little
	}
	m.practice(status, counts)
	m.notices(status, who)
	m.sites(rooms, who.Consultations())
	if p.RoomMetrics {
		m.rooms(rooms)
	}
}

// meter writes metrics.
type meter struct{ w io.Writer }

func (m meter) head(name, help string) {
	fmt.Fprintf(m.w, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name)
}

// value writes a line. labels are names and values in turn.
func (m meter) value(name string, v float64, labels ...string) {
	var all []string
	for i := 0; i+1 < len(labels); i += 2 {
		all = append(all, fmt.Sprintf(`%s="%s"`, labels[i], escape.Replace(labels[i+1])))
	}
	if len(all) > 0 {
		name += "{" + strings.Join(all, ",") + "}"
	}
	fmt.Fprintf(m.w, "%s %v\n", name, v)
}

var escape = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// practice writes what is about the whole practice, and about the dashboard.
func (m meter) practice(s Status, c practice.Counts) {
	m.head("tacet_rooms", "Rooms in each state, closed ones apart.")
	for _, state := range practice.States {
		m.value("tacet_rooms", float64(c.ByState[state]), "state", string(state))
	}
	m.value("tacet_rooms", float64(c.Closed), "state", "closed")
	m.head("tacet_rooms_refused", "Made-up rooms beyond the limit.")
	m.value("tacet_rooms_refused", float64(c.Refused))
	m.head("tacet_broker_up", "Whether the broker is connected.")
	for _, l := range s.Links {
		m.value("tacet_broker_up", truth(l.Up), "broker", l.Broker)
	}
	m.head("tacet_broker_last_message_timestamp_seconds", "When the broker's last message came.")
	for _, l := range s.Links {
		if !l.Last.IsZero() {
			m.value("tacet_broker_last_message_timestamp_seconds", float64(l.Last.Unix()), "broker", l.Broker)
		}
	}
	m.head("tacet_clock_wrong", "Whether this computer's clock differs too much from the units'.")
	m.value("tacet_clock_wrong", truth(s.Clocks.Wrong))
	m.head("tacet_clock_skew_seconds", "How far the units' clocks are ahead, at the median.")
	m.value("tacet_clock_skew_seconds", s.Clocks.Skew.Seconds())
	m.head("tacet_history_behind", "Whether the history can't be written.")
	m.value("tacet_history_behind", truth(s.Behind != ""))
}

// siteSum is what a site's rooms add up to.
type siteSum struct {
	states          map[string]int
	pending, missed int
	oldest, free    float64
}

// sites writes what is about each site.
func (m meter) sites(rooms []room, consultations bool) {
	sums := map[string]*siteSum{}
	var names []string
	for _, r := range rooms {
		s := sums[r.ID.Site]
		if s == nil {
			s = &siteSum{states: map[string]int{}, free: math.Inf(1)}
			sums[r.ID.Site] = s
			names = append(names, r.ID.Site)
		}
		s.add(r)
	}
	slices.Sort(names)
	each := func(name, help string, of func(*siteSum) float64) {
		m.head(name, help)
		for _, site := range names {
			if v := of(sums[site]); !math.IsInf(v, 0) {
				m.value(name, v, "site", site)
			}
		}
	}
	m.head("tacet_site_rooms", "Rooms of a site in each state, closed ones apart.")
	for _, site := range names {
		for _, state := range append(slices.Clone(practice.States), "closed") {
			m.value("tacet_site_rooms", float64(sums[site].states[string(state)]), "site", site, "state", string(state))
		}
	}
	each("tacet_site_spool_free_hours", "Hours of recording that fit on the fullest unit.",
		func(s *siteSum) float64 { return s.free })
	if !consultations {
		return
	}
	each("tacet_site_pending", "Recordings that wait for a store.", func(s *siteSum) float64 { return float64(s.pending) })
	each("tacet_site_oldest_pending_hours", "How long the oldest of them has waited.", func(s *siteSum) float64 { return s.oldest })
	each("tacet_site_events_missed", "Events known to be missed.", func(s *siteSum) float64 { return float64(s.missed) })
}

func (s *siteSum) add(r room) {
	if r.Closed != nil {
		s.states["closed"]++
	} else {
		s.states[string(r.State)]++
	}
	s.missed += r.Missed
	if r.Unit == nil {
		return
	}
	s.pending += r.Unit.Pending
	if h := r.Unit.OldestPendingH; h != nil {
		s.oldest = max(s.oldest, *h)
	}
	if h := r.Unit.SpoolFreeH; h != nil {
		s.free = min(s.free, *h)
	}
}

// rooms writes what is about each room.
func (m meter) rooms(rooms []room) {
	each := func(name, help string, of func(room) (float64, bool)) {
		m.head(name, help)
		for _, r := range rooms {
			if v, ok := of(r); ok {
				m.value(name, v, "site", r.ID.Site, "room", r.ID.Room)
			}
		}
	}
	m.head("tacet_room_state", "The room's state: 1.")
	for _, r := range rooms {
		m.value("tacet_room_state", 1, "site", r.ID.Site, "room", r.ID.Room, "state", string(r.State))
	}
	each("tacet_room_heard_timestamp_seconds", "When the room was last heard.", func(r room) (float64, bool) {
		return float64(r.Heard.Unix()), !r.Heard.IsZero()
	})
	each("tacet_room_spool_free_hours", "Hours of recording that fit on the unit.", func(r room) (float64, bool) {
		if r.Unit == nil || r.Unit.SpoolFreeH == nil {
			return 0, false
		}
		return *r.Unit.SpoolFreeH, true
	})
	each("tacet_room_pending", "Recordings that wait for a store.", func(r room) (float64, bool) {
		if r.Unit == nil || !r.Consultations {
			return 0, false
		}
		return float64(r.Unit.Pending), true
	})
	each("tacet_room_events_missed", "Events known to be missed.", func(r room) (float64, bool) {
		return float64(r.Missed), r.Consultations
	})
}
