package demotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// patience is how long a test waits for something that must happen, even on a busy machine.
const patience = 60 * time.Second

// Panel is the answer to GET /panel.
type Panel struct {
	Light       string
	StatusLight string `json:"status_light"`
	Phase       string
	Buttons     []struct {
		Party              string
		Pressed, Consented bool
	}
	Drive      *bool // plugged in; nil if the unit has no drive
	Recordings []Recording
}

// Recording is a recording on the panel.
type Recording struct {
	File, State string
	Seconds     float64
}

// Panel requests the panel.
func (p *Page) Panel() (now Panel) {
	p.t.Helper()
	answer, err := http.Get(p.URL + "/panel")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&now); err != nil {
		p.t.Fatal(err)
	}
	return now
}

// Until requests the panel at each change, until it is as wanted.
func (p *Page) Until(what string, wanted func(Panel) bool) Panel {
	p.t.Helper()
	now, ok := p.within(patience, wanted)
	if !ok {
		p.t.Fatalf("%s: never seen; the last was %+v", what, now)
	}
	return now
}

func (p *Page) within(limit time.Duration, wanted func(Panel) bool) (now Panel, ok bool) {
	p.t.Helper()
	late := time.After(limit)
	for {
		if now = p.Panel(); wanted(now) {
			return now, true
		}
		select {
		case <-p.news:
		case <-p.done:
			p.t.Fatalf("tacet-demo ended; its panel was last %+v", now)
		case <-late:
			return now, false
		}
	}
}

// Phase wants a phase of the consent machine.
func Phase(is string) func(Panel) bool { return func(p Panel) bool { return p.Phase == is } }

// Light wants a pattern of the light.
func Light(is string) func(Panel) bool { return func(p Panel) bool { return p.Light == is } }

// Recorded wants n recordings, the last with at least this many seconds.
func Recorded(n int, seconds float64) func(Panel) bool {
	return func(p Panel) bool { return len(p.Recordings) == n && p.Recordings[n-1].Seconds >= seconds }
}

// Ended wants n recordings, the last in this state, and an idle unit.
func Ended(n int, state string) func(Panel) bool {
	return func(p Panel) bool {
		return len(p.Recordings) == n && p.Recordings[n-1].State == state && p.Phase == "idle"
	}
}

// Post presses a control of the page.
func (p *Page) Post(path string) {
	p.t.Helper()
	answer, err := http.Post(p.URL+path, "", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		p.t.Fatalf("POST %s: %s", path, answer.Status)
	}
}

// Press presses a party's button and releases it.
func (p *Page) Press(party string) {
	p.t.Helper()
	p.Post("/panel/press?party=" + url.QueryEscape(party))
}

// Drive plugs the thumb drive in, or pulls it out.
func (p *Page) Drive(present bool) {
	p.t.Helper()
	p.Post(fmt.Sprintf("/panel/drive?present=%t", present))
}

// Insist presses a party's button until that has an effect, as a person would. A press has no
// effect if it comes within the debounce time of the unit's start, or if a busy machine delivers it
// together with its release.
func (p *Page) Insist(party, what string, effect func(Panel) bool) Panel {
	p.t.Helper()
	const tries, each = 5, 3 * time.Second
	for range tries {
		p.Press(party)
		if now, ok := p.within(each, effect); ok {
			return now
		}
	}
	p.t.Fatalf("after %d presses of %s's button, no %s", tries, party, what)
	panic("not reached")
}

// Warnings returns the codes of the page's warnings.
func (p *Page) Warnings() []string {
	p.t.Helper()
	var codes []string
	for _, w := range p.live().Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

// Tones returns how many tones the buzzer has made.
func (p *Page) Tones() int {
	p.t.Helper()
	return p.live().Tones
}

// Copied waits until a store has all its copies.
func (p *Page) Copied(store string) {
	p.t.Helper()
	p.Until("all copies to "+store, func(Panel) bool {
		for _, s := range p.live().Stores {
			if s.Name == store {
				return s.State == "ok" && s.Pending == 0
			}
		}
		return false
	})
}

// Warns waits for a warning.
func (p *Page) Warns(code string) {
	p.t.Helper()
	p.Until("the warning "+code, func(Panel) bool { return slices.Contains(p.Warnings(), code) })
}
