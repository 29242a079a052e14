package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"tacet/cmd/internal/library"
	"tacet/hw/panel"
)

const (
	// lookAgain is how often the folder is looked at while somebody watches.
	lookAgain = time.Second
	// breath is the least time between two messages to one viewer.
	breath = 20 * time.Millisecond
	// sendWithin is how long a viewer may take to accept a message.
	sendWithin = 10 * time.Second
)

// liveJSON is everything that the page shows.
type liveJSON struct {
	Card        Card            `json:"card"`
	Power       bool            `json:"power"`
	Phase       string          `json:"phase"`
	Since       int64           `json:"since"` // milliseconds of the phase so far, when this was sent
	Light       panel.Glow      `json:"light"`
	LightTurn   int             `json:"light_turn"` // moves each time the light is driven
	StatusLight panel.Glow      `json:"status_light"`
	Buttons     []liveButton    `json:"buttons"`
	Drive       *bool           `json:"drive"`
	Door        *bool           `json:"door"`
	Warnings    []Warning       `json:"warnings"`
	Recordings  []liveRecording `json:"recordings"`
}

type liveButton struct {
	buttonJSON
	Latching bool `json:"latching"`
}

type liveRecording struct {
	library.Item
	Now bool `json:"now"` // being written
}

// show gathers what the page shows. Since is left out, so that two messages
// that differ in nothing else are equal.
func (p *Page) show() (liveJSON, time.Time, error) {
	front, status := p.Panel.State(), p.Unit.Status()
	items, err := p.Library.List()
	if err != nil {
		return liveJSON{}, time.Time{}, err
	}
	l := liveJSON{
		Card: p.Card, Power: status.Power, Phase: status.Phase,
		Light: front.Light, LightTurn: front.LightTurn, StatusLight: front.StatusLight,
		Buttons: []liveButton{}, Drive: front.Drive, Door: front.Door,
		Warnings: status.Warnings, Recordings: []liveRecording{},
	}
	for i, b := range front.Buttons {
		l.Buttons = append(l.Buttons, liveButton{buttonJSON{b.Party, b.Pressed, status.consented(i)}, b.Latching})
	}
	for _, item := range items {
		l.Recordings = append(l.Recordings, liveRecording{item, item.ID == status.Recording})
	}
	return l, status.Since, nil
}

// live sends what the page shows at each change, as server-sent events, until
// the viewer goes away.
func (p *Page) live(w http.ResponseWriter, r *http.Request) {
	select {
	case p.viewers <- struct{}{}:
		defer func() { <-p.viewers }()
	default:
		http.Error(w, "too many viewers", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	var last []byte
	for {
		front, unit := p.Panel.Changed(), p.Unit.Changed()
		now, since, err := p.show()
		if err != nil {
			return
		}
		shown, err := json.Marshal(now)
		if err != nil {
			return
		}
		if !bytes.Equal(shown, last) {
			last = shown
			now.Since = time.Since(since).Milliseconds()
			message, err := json.Marshal(now)
			if err != nil {
				return
			}
			out.SetWriteDeadline(time.Now().Add(sendWithin))
			fmt.Fprintf(w, "data: %s\n\n", message)
			if out.Flush() != nil {
				return
			}
		}
		if !wait(r, breath) {
			return
		}
		select {
		case <-front:
		case <-unit:
		case <-again.C:
		case <-r.Context().Done():
			return
		}
	}
}

// wait passes some time, and reports false when the viewer has gone.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
