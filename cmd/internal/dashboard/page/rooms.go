package page

import (
	"encoding/json"
	"net/http"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// New returns the page.
func New(s Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/rooms", func(w http.ResponseWriter, _ *http.Request) {
		rooms, _ := s.Query(practice.Filter{})
		all := make([]apiRoom, 0, len(rooms))
		for i := range rooms {
			all = append(all, newAPIRoom(&rooms[i]))
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(all) //nolint:errcheck // the client has gone
	})
	return mux
}

// apiRoom is a room in /api/rooms.
type apiRoom struct {
	Site           string         `json:"site"`
	Room           string         `json:"room"`
	Name           string         `json:"name"`
	State          practice.State `json:"state"`
	Since          *time.Time     `json:"since"`
	Heard          *time.Time     `json:"heard"`
	Alerts         []string       `json:"alerts"`
	Remedy         string         `json:"remedy"`
	Pending        int            `json:"pending"`
	OldestPendingH *float64       `json:"oldest_pending_h"`
	SpoolFreeH     *float64       `json:"spool_free_h"`
	Version        string         `json:"version"`
}

func newAPIRoom(r *practice.Room) apiRoom {
	a := apiRoom{Site: r.ID.Site, Room: r.ID.Room, Name: r.Name, State: r.State, Since: known(r.Since),
		Heard: known(r.Heard), Alerts: []string{}, Remedy: r.Remedy}
	for _, alert := range r.Alerts {
		a.Alerts = append(a.Alerts, string(alert.Code))
	}
	if u := r.Unit; u != nil {
		a.Pending, a.OldestPendingH, a.SpoolFreeH, a.Version = u.Pending, u.OldestPendingH, u.SpoolFreeH, u.Version
	}
	return a
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}
