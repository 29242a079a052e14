package demotest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// patience is how long a test waits for what must happen, on a machine that may be busy.
const patience = 60 * time.Second

// Panel is what GET /panel says.
type Panel struct {
	Light       string
	StatusLight string `json:"status_light"`
	Phase       string
	Buttons     []struct {
		Party              string
		Pressed, Consented bool
	}
	Recordings []Recording
}

// Recording is one of those that the panel lists.
type Recording struct {
	File, State string
	Seconds     float64
}

// Panel asks for the panel as it is now.
func (d *Demo) Panel() (p Panel) {
	d.t.Helper()
	answer, err := http.Get(d.url + "/panel")
	if err != nil {
		d.t.Fatal(err)
	}
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		d.t.Fatal(err)
	}
	return p
}

// Until asks for the panel at each change until it is as wanted.
func (d *Demo) Until(what string, wanted func(Panel) bool) Panel {
	d.t.Helper()
	p, ok := d.within(patience, wanted)
	if !ok {
		d.t.Fatalf("%s: never seen; the last was %+v", what, p)
	}
	return p
}

func (d *Demo) within(limit time.Duration, wanted func(Panel) bool) (p Panel, ok bool) {
	d.t.Helper()
	late := time.After(limit)
	for {
		if p = d.Panel(); wanted(p) {
			return p, true
		}
		select {
		case <-d.news:
		case <-d.done:
			d.t.Fatalf("tacet-demo ended: %v; its panel was last %+v", d.cmd.ProcessState, p)
		case <-late:
			return p, false
		}
	}
}

// Phase waits for a phase of the consent machine.
func Phase(is string) func(Panel) bool { return func(p Panel) bool { return p.Phase == is } }

// Light waits for a pattern of the light.
func Light(is string) func(Panel) bool { return func(p Panel) bool { return p.Light == is } }

// Recorded waits until there are n recordings, the last of them with some seconds.
func Recorded(n int, seconds float64) func(Panel) bool {
	return func(p Panel) bool { return len(p.Recordings) == n && p.Recordings[n-1].Seconds >= seconds }
}

// Ended waits until there are n recordings, the last of them in a state.
func Ended(n int, state string) func(Panel) bool {
	return func(p Panel) bool {
		return len(p.Recordings) == n && p.Recordings[n-1].State == state && p.Phase == "idle"
	}
}

// Press presses a party's button and releases it.
func (d *Demo) Press(party string) {
	d.t.Helper()
	answer, err := http.Post(d.url+"/panel/press?party="+url.QueryEscape(party), "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		d.t.Fatalf("press %s: %s", party, answer.Status)
	}
}

// Drive puts the thumb drive in its place or takes it out.
func (d *Demo) Drive(present bool) {
	d.t.Helper()
	answer, err := http.Post(fmt.Sprintf("%s/panel/drive?present=%t", d.url, present), "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNoContent {
		d.t.Fatalf("drive: %s", answer.Status)
	}
}

// Consent presses every party's button, and waits for the recording.
func (d *Demo) Consent() {
	d.t.Helper()
	d.Until("readiness", Phase("idle"))
	for i, party := range d.Parties {
		last := i == len(d.Parties)-1
		d.Insist(party, "consent", func(p Panel) bool { return p.Phase != "idle" && last == (p.Phase != "waiting") })
	}
	d.Until("the recording", func(p Panel) bool { return p.Phase == "recording" && p.Light == "on" })
}

// Insist presses a party's button until that has an effect, as a person does. A press may count as nothing where it comes within
// the debounce time of the unit's start, or reaches the unit with its release on its heels because the machine is busy.
func (d *Demo) Insist(party, what string, effect func(Panel) bool) Panel {
	d.t.Helper()
	const tries, each = 5, 3 * time.Second
	for range tries {
		d.Press(party)
		if p, ok := d.within(each, effect); ok {
			return p
		}
	}
	d.t.Fatalf("%d presses of %s's button didn't bring %s", tries, party, what)
	panic("not reached")
}

// Warnings are the codes of what the page warns of.
func (d *Demo) Warnings() []string {
	d.t.Helper()
	var codes []string
	for _, w := range d.live().Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

// Copied waits until a store has all that it should have.
func (d *Demo) Copied(store string) {
	d.t.Helper()
	d.Until("all copies to "+store, func(p Panel) bool {
		for _, s := range d.live().Stores {
			if s.Name == store {
				return s.State == "ok" && s.Pending == 0
			}
		}
		return false
	})
}

// Warns waits for a warning.
func (d *Demo) Warns(code string) {
	d.t.Helper()
	d.Until("the warning "+code, func(Panel) bool { return slices.Contains(d.Warnings(), code) })
}
