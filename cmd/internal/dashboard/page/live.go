package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	minInterval  = 200 * time.Millisecond // between two messages to a tab
	slowInterval = 3 * time.Second        // for a page that reads the history
	beatInterval = 5 * time.Second        // a message comes at least this often: page.js knows it as "beat"
	sendTimeout  = 10 * time.Second       // in which a tab must accept a message
	// longestStream ends streams once in a while: the tab opens another one.
	longestStream = 6 * time.Hour
)

// news is a message to a tab.
type news struct {
	Now   int64             `json:"now"`             // the dashboard's clock, in milliseconds since 1970
	Build string            `json:"build"`           // a tab of another build reloads itself
	Title string            `json:"title,omitempty"` // of the tab
	Said  string            `json:"said,omitempty"`  // the counts, for a screen reader
	Bad   bool              `json:"bad"`             // what is shown may be untrue
	Parts map[string]string `json:"parts,omitempty"` // HTML of the parts that have changed
	Tiles map[string]string `json:"tiles,omitempty"` // HTML of the tiles that have changed
	Order []string          `json:"order"`           // the IDs of all tiles; null: as before
}

// empty reports whether the tab has all of it already.
func (n *news) empty() bool {
	return n.Title == "" && n.Said == "" && len(n.Parts) == 0 && len(n.Tiles) == 0 && n.Order == nil
}

// live sends server-sent events until the viewer leaves: first all parts of the page that at names,
// then those that have changed. Even if nothing has, a message comes every few seconds, made from a
// fresh look: a tab that gets none knows that it shows the past.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	at, err := url.ParseRequestURI(local(r.URL.Query().Get("at")))
	if err != nil {
		http.Error(w, "at must be the path of a page", http.StatusBadRequest)
		return
	}
	select {
	case p.viewers <- struct{}{}:
		defer func() { <-p.viewers }()
	default:
		http.Error(w, "too many people are looking at the dashboard", http.StatusServiceUnavailable)
		return
	}
	changes, stop := p.Source.Subscribe()
	defer stop()
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{})
	beat, end := time.NewTicker(beatInterval), time.NewTimer(longestStream)
	defer beat.Stop()
	defer end.Stop()
	due := true // a message, even if nothing has changed
	for v := (viewed{}); ; {
		message, interval, err := p.next(&v, r, at, due)
		if err != nil {
			message = []byte("event: gone\ndata: {}\n\n") // signed out, or the room is no more
		}
		if len(message) > 0 {
			_ = out.SetWriteDeadline(time.Now().Add(sendTimeout))
			if _, failed := w.Write(message); failed != nil || out.Flush() != nil || err != nil {
				return
			}
		}
		if !pause(r, interval) {
			return
		}
		due = false
		select {
		case <-changes:
		case <-beat.C:
			due = true
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// errSignedOut ends a stream whose person may see it no longer.
var errSignedOut = errors.New("signed out")

// next makes the next message for a tab, or none if nothing has changed that the person may see and
// none is due: its time would tell that something else has. It looks at the person's rights each
// time.
func (p *Page) next(v *viewed, r *http.Request, at *url.URL, due bool) ([]byte, time.Duration, error) {
	who, ok := p.who(r)
	if !ok {
		return nil, 0, errSignedOut
	}
	s, err := p.screen(r.Context(), at, who)
	if err != nil {
		return nil, 0, err
	}
	s.Token = p.token.of(p.session(r))
	n, err := v.news(s)
	if err != nil {
		return nil, 0, err
	}
	interval := minInterval
	if s.slow {
		interval = slowInterval
	}
	if !due && n.empty() {
		return nil, interval, nil
	}
	data, err := json.Marshal(n)
	return fmt.Appendf(nil, "data: %s\n\n", data), interval, err
}

// viewed is what one tab has been sent.
type viewed struct {
	title, said string
	parts       map[string]string
	tiles       map[string]string
	order       []string
}

// news returns what differs from what the tab has.
func (v *viewed) news(s *screen) (news, error) {
	n := news{Now: s.Now.MS, Build: s.Build, Bad: bad(s.Trust)}
	if s.Title != v.title {
		n.Title, v.title = printable(s.Title), s.Title
	}
	if s.Said != v.said {
		n.Said, v.said = printable(s.Said), s.Said
	}
	parts := map[string]string{}
	for _, name := range append([]string{"trust"}, s.parts...) {
		html, err := part(name, s.frame)
		if err != nil {
			return news{}, err
		}
		parts[name] = html
	}
	tiles, order := map[string]string{}, []string{}
	for _, i := range s.list {
		html, err := part("tile", i.Data)
		if err != nil {
			return news{}, err
		}
		tiles[i.ID] = html
		order = append(order, i.ID)
	}
	n.Parts, n.Tiles = changed(v.parts, parts), changed(v.tiles, tiles)
	if v.order == nil || !slices.Equal(v.order, order) {
		n.Order = order
	}
	v.parts, v.tiles, v.order = parts, tiles, order
	return n, nil
}

// changed returns what is new or different.
func changed(before, now map[string]string) map[string]string {
	all := map[string]string{}
	for k, v := range now {
		if old, ok := before[k]; !ok || old != v {
			all[k] = v
		}
	}
	return all
}

// pause waits, and reports false if the viewer has left.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
