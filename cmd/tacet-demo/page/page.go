// Package page is the demo's web page and its API. It draws a wall unit, presses its buttons, cuts
// its power and lists its recordings.
//
//	GET  /panel                      the unit as it is now
//	POST /panel/press?party=P        press P's button; answers when it is released
//	POST /panel/drive?present=true   plug the thumb drive in, or pull it out
//	POST /panel/door?open=true       open the door, if it has a contact
//	POST /panel/power-cut            cut the unit's power, which comes back by itself
//	GET  /live                       everything the page shows, at each change;
//	                                 each MQTT message is an event called mqtt
//
// It answers 204 if something was done, 404 if there is no such thing, 405 for another method, and
// 403 to any other page (see guard). It does not know the daemon: the program that runs one passes
// it as a [Unit].
package page

import (
	"embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tacet/cmd/internal/card"
	"tacet/cmd/internal/library"
	"tacet/hw/simpanel"
)

// Unit is the unit: a daemon with its power supply.
type Unit interface {
	Status() Status
	// Changed returns a channel that is closed when Status next differs.
	Changed() <-chan struct{}
	// CutPower cuts the power, and returns when the unit is dead. The power comes back by itself.
	CutPower()
}

// Status is the unit's state.
type Status struct {
	Power     bool
	Phase     string    // of the consent machine; "fault" without power
	Since     time.Time // start of the phase
	Consented []bool    // in the buttons' order
	Recording string    // the ID of the one being written, or ""
	Warnings  []Warning
	Stores    []Store
}

// Store is a store for copies.
type Store struct {
	Name    string `json:"name"`
	State   string `json:"state"`   // ok, missing, full, readonly or error
	Pending int    `json:"pending"` // recordings that it still lacks
}

// Warning is a problem, and what to do about it.
type Warning struct {
	Code    string   `json:"code"`
	Title   string   `json:"title"`
	Text    string   `json:"text"`
	Do      string   `json:"do"`
	Details []string `json:"details"` // what was found, for a technician
}

// Card is what the page's head says of the room.
type Card struct {
	Site string `json:"site"`
	Room string `json:"room"`

	Microphone string `json:"microphone"` // in words
	Broker     string `json:"broker"`     // its address
	Dashboard  string `json:"dashboard"`  // the address of the practice's dashboard; empty: there is none
	Key        bool   `json:"key"`        // the page has a key that opens recordings
}

// Page serves one unit.
type Page struct {
	Panel   *simpanel.Panel
	Unit    Unit
	Library *library.Library
	Card    Card
	Wall    template.HTML // the card on the wall
	Traffic *Traffic      // nil if the broker is not the demo's
	// Name is a further host name of the page, beside its addresses; usually empty.
	Name string

	viewers, presses chan struct{}
}

const (
	maxViewers = 32 // viewers at a time
	maxPresses = 8  // presses at a time
)

//go:embed web
var web embed.FS

// Handler returns the page's handler. Call it once.
func (p *Page) Handler() http.Handler {
	p.viewers = make(chan struct{}, maxViewers)
	p.presses = make(chan struct{}, maxPresses)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", p.page)
	mux.HandleFunc("GET /card.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "card.css", time.Time{}, strings.NewReader(card.Style()))
	})
	for _, name := range []string{"page.js", "wires.js", "page.css", "icon.svg"} {
		mux.Handle("GET /"+name, asset(name))
	}
	mux.HandleFunc("GET /panel", p.panel)
	mux.HandleFunc("POST /panel/press", p.press)
	mux.HandleFunc("POST /panel/drive", p.set("present", p.Panel.SetDrive))
	mux.HandleFunc("POST /panel/door", p.set("open", p.Panel.SetDoor))
	mux.HandleFunc("POST /panel/power-cut", p.cut)
	mux.HandleFunc("GET /live", p.live)
	mux.Handle("/recordings/", http.StripPrefix("/recordings", p.Library))
	return guard(p.Name, mux)
}

// page serves the page itself, with the card in its place.
func (p *Page) page(w http.ResponseWriter, r *http.Request) {
	page, err := web.ReadFile("web/page.html")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	whole := strings.Replace(string(page), "<!-- card -->", string(p.Wall), 1)
	http.ServeContent(w, r, "page.html", time.Time{}, strings.NewReader(whole))
}

// asset serves one embedded file.
func asset(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, web, "web/"+name)
	})
}

// panelJSON is the answer to GET /panel. Other programs rely on it.
type panelJSON struct {
	Light       simpanel.Glow   `json:"light"`
	StatusLight simpanel.Glow   `json:"status_light"`
	Phase       string          `json:"phase"`
	Buttons     []buttonJSON    `json:"buttons"`
	Drive       *bool           `json:"drive"`
	Recordings  []recordingJSON `json:"recordings"`
}

type buttonJSON struct {
	Party     string `json:"party"`
	Pressed   bool   `json:"pressed"`
	Consented bool   `json:"consented"`
}

type recordingJSON struct {
	File    string  `json:"file"`
	State   string  `json:"state"`
	Seconds float64 `json:"seconds"`
}

func (p *Page) panel(w http.ResponseWriter, _ *http.Request) {
	front, status := p.Panel.State(), p.Unit.Status()
	items, err := p.Library.List()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := panelJSON{
		Light: front.Light, StatusLight: front.StatusLight, Phase: status.Phase,
		Buttons: []buttonJSON{}, Drive: front.Drive, Recordings: []recordingJSON{},
	}
	for i, b := range front.Buttons {
		answer.Buttons = append(answer.Buttons, buttonJSON{b.Party, b.Pressed, status.consented(i)})
	}
	for _, item := range items {
		answer.Recordings = append(answer.Recordings, recordingJSON{item.File, item.State, item.Seconds})
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

func (s Status) consented(i int) bool { return i < len(s.Consented) && s.Consented[i] }

func (p *Page) press(w http.ResponseWriter, r *http.Request) {
	select {
	case p.presses <- struct{}{}:
		defer func() { <-p.presses }()
	default:
		http.Error(w, "too many presses at a time", http.StatusServiceUnavailable)
		return
	}
	switch err := p.Panel.Press(r.Context(), r.URL.Query().Get("party")); {
	case errors.Is(err, simpanel.ErrNoParty):
		http.Error(w, err.Error(), http.StatusNotFound)
	case err != nil: // the client has left
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// set sets a part of the panel to the query's value.
func (p *Page) set(query string, do func(bool) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		on, err := strconv.ParseBool(r.URL.Query().Get(query))
		switch {
		case err != nil:
			http.Error(w, query+" must be true or false", http.StatusBadRequest)
		case !do(on):
			http.Error(w, "this unit has none", http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

func (p *Page) cut(w http.ResponseWriter, _ *http.Request) {
	p.Unit.CutPower()
	w.WriteHeader(http.StatusNoContent)
}
