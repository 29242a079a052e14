package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"tacet/cmd/tacet-demo/demotest"
	"tacet/systemd/needs"
)

// The dashboard beside the wall unit shows what the unit does, and their pages link to each other.
func TestTheDashboardBesideTheUnit(t *testing.T) {
	if !demotest.MayLockMemory() {
		needs.Root(t, "to lock memory: a room without that needs a hand")
	}
	d := start(t, "-mic", "voice", "-dir", t.TempDir(), "-dashboard", "127.0.0.1:0")
	d.Until("readiness", ready)
	var live struct{ Card struct{ Dashboard string } }
	if err := json.Unmarshal([]byte(d.First()), &live); err != nil || live.Card.Dashboard == "" {
		t.Fatalf("the page links to %q, %v", live.Card.Dashboard, err)
	}
	resp, err := http.Get(live.Card.Dashboard)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(text), `href="`+d.URL+`/"`) {
		t.Errorf("the dashboard doesn't link to %s, %v:\n%s", d.URL, err, text)
	}
	shows := func(state string) {
		t.Helper()
		look := time.NewTicker(50 * time.Millisecond)
		defer look.Stop()
		for late := time.After(patience); ; {
			var rooms []struct{ Room, State string }
			if resp, err := http.Get(live.Card.Dashboard + "api/rooms"); err == nil {
				err = json.NewDecoder(resp.Body).Decode(&rooms)
				resp.Body.Close()
				if err == nil && len(rooms) == 1 && rooms[0].Room == "room-3" && rooms[0].State == state {
					return
				}
			}
			select {
			case <-look.C:
			case <-late:
				t.Fatalf("the dashboard shows %+v, not %s", rooms, state)
			}
		}
	}
	shows("ready")
	d.Insist("patient", "one consent", demotest.Phase("waiting"))
	d.Press("clinician")
	shows("recording")
	d.Press("patient")
	shows("ready")
}
