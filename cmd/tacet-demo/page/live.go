package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"tacet/cmd/internal/library"
	"tacet/hw/simpanel"
)

const (
	// listInterval is the time between looks at the folder while somebody watches.
	listInterval = time.Second
	// minInterval is the least time between two messages to one viewer.
	minInterval = 20 * time.Millisecond
	// sendTimeout is how long a viewer may take to accept a message.
	sendTimeout = 10 * time.Second
)

// liveJSON is everything that the page shows of the unit.
type liveJSON struct {
	Card        Card            `json:"card"`
	Power       bool            `json:"power"`
	Phase       string          `json:"phase"`
	Since       int64           `json:"since"` // age of the phase in milliseconds
	Light       simpanel.Glow   `json:"light"`
	LightTurn   int             `json:"light_turn"` // changes each time the light is driven
	StatusLight simpanel.Glow   `json:"status_light"`
	Buzzer      simpanel.Glow   `json:"buzzer"`
	Tones       int             `json:"tones"` // counts those of the buzzer
	Sense       simpanel.Glow   `json:"sense"` // what the sense line reads
	Buttons     []liveButton    `json:"buttons"`
	Drive       *bool           `json:"drive"`
	Door        *bool           `json:"door"`
	Heard       bool            `json:"heard"` // the viewer gets MQTT messages
	Warnings    []Warning       `json:"warnings"`
	Stores      []Store         `json:"stores"`
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

// show collects what the page shows. Since is left out, so that messages that differ only in it are
// equal.
func (p *Page) show() (liveJSON, time.Time, error) {
	front, status := p.Panel.State(), p.Unit.Status()
	items, err := p.Library.List()
	if err != nil {
		return liveJSON{}, time.Time{}, err
	}
	l := liveJSON{
		Card: p.Card, Power: status.Power, Phase: status.Phase,
		Light: front.Light, LightTurn: front.LightTurn, StatusLight: front.StatusLight, Sense: front.Sense,
		Buzzer: front.Buzzer, Tones: front.Tones,
		Buttons: []liveButton{}, Drive: front.Drive, Door: front.Door, Heard: p.Traffic != nil,
		Warnings: status.Warnings, Stores: status.Stores, Recordings: []liveRecording{},
	}
	for i, b := range front.Buttons {
		l.Buttons = append(l.Buttons, liveButton{buttonJSON{b.Party, b.Pressed, status.consented(i)}, b.Latching})
	}
	for _, item := range items {
		l.Recordings = append(l.Recordings, liveRecording{item, item.ID == status.Recording})
	}
	return l, status.Since, nil
}

// live sends server-sent events until the viewer leaves: what the page shows, at each change, and
// each MQTT message. It starts with the present state and the messages that are still known.
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
	again := time.NewTicker(listInterval)
	defer again.Stop()
	v := viewed{page: p}
	for {
		front, unit, passed := p.Panel.Changed(), p.Unit.Changed(), p.Traffic.Changed()
		var news bytes.Buffer
		if v.unit(&news) != nil || v.messages(&news) != nil {
			return
		}
		if news.Len() > 0 {
			out.SetWriteDeadline(time.Now().Add(sendTimeout))
			_, _ = w.Write(news.Bytes())
			if out.Flush() != nil {
				return
			}
		}
		if !wait(r, minInterval) {
			return
		}
		select {
		case <-front:
		case <-unit:
		case <-passed:
		case <-again.C:
		case <-r.Context().Done():
			return
		}
	}
}

// viewed is what one viewer has been sent.
type viewed struct {
	page   *Page
	last   []byte // the last state, without its Since
	passed int    // MQTT messages
}

// unit writes the unit's state if it has changed.
func (v *viewed) unit(news io.Writer) error {
	now, since, err := v.page.show()
	if err != nil {
		return err
	}
	shown, err := json.Marshal(now)
	if err != nil || bytes.Equal(shown, v.last) {
		return err
	}
	v.last = shown
	now.Since = time.Since(since).Milliseconds()
	message, err := json.Marshal(now)
	fmt.Fprintf(news, "data: %s\n\n", message)
	return err
}

// messages writes the new MQTT messages.
func (v *viewed) messages(news io.Writer) error {
	var fresh []Message
	fresh, v.passed = v.page.Traffic.after(v.passed)
	for _, m := range fresh {
		message, err := json.Marshal(m)
		if err != nil {
			return err
		}
		fmt.Fprintf(news, "event: mqtt\ndata: %s\n\n", message)
	}
	return nil
}

// wait waits, and reports false if the viewer has left.
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
