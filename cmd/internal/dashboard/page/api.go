package page

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
)

// roomJSON is a room in /api/rooms. Other programs rely on it. A field is null if it is not known,
// or if the account may not know it.
type roomJSON struct {
	Site           string         `json:"site"`
	Room           string         `json:"room"`
	Name           string         `json:"name"`
	State          practice.State `json:"state"`
	Since          *string        `json:"since"`
	Heard          *string        `json:"heard"`
	Alerts         []string       `json:"alerts"` // codes, worst first
	Remedy         string         `json:"remedy"`
	Pending        *int           `json:"pending"`
	OldestPendingH *float64       `json:"oldest_pending_h"`
	SpoolFreeH     *float64       `json:"spool_free_h"`
	Version        string         `json:"version"`
}

// apiRooms answers with the rooms that site, state and q select, worst first.
func (p *Page) apiRooms(w http.ResponseWriter, r *http.Request, who people.Person) {
	rooms, _ := p.query(selection(r.URL.Query()), who)
	w.Header().Set("Content-Type", "application/json")
	out := bufio.NewWriter(w)
	defer out.Flush()
	enc := json.NewEncoder(out)
	_, _ = out.WriteString("[")
	for i, room := range rooms {
		if i > 0 {
			_, _ = out.WriteString(",")
		}
		if enc.Encode(room.json()) != nil {
			return // the client has left
		}
	}
	_, _ = out.WriteString("]\n")
}

func (r room) json() roomJSON {
	j := roomJSON{Site: r.ID.Site, Room: r.ID.Room, Name: printable(r.Name), State: r.State, Since: stamp(r.Since),
		Heard: stamp(r.Heard), Alerts: []string{}, Remedy: printable(r.Remedy)}
	for _, a := range r.Alerts {
		j.Alerts = append(j.Alerts, printable(string(a.Code)))
	}
	if u := r.Unit; u != nil {
		j.OldestPendingH, j.SpoolFreeH, j.Version = u.OldestPendingH, u.SpoolFreeH, printable(u.Version)
		if r.Consultations {
			j.Pending = &u.Pending
		}
	}
	return j
}

func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(time.RFC3339)
	return &s
}

// selection is the filter of a query: site and state may come several times.
func selection(q url.Values) practice.Filter {
	f := practice.Filter{Sites: slices.DeleteFunc(q["site"], func(s string) bool { return s == "" })}
	for _, s := range q["state"] {
		if slices.Contains(practice.States, practice.State(s)) {
			f.States = append(f.States, practice.State(s))
		}
	}
	if s := q.Get("q"); len(s) <= maxSearch {
		f.Search = s
	}
	return f
}
