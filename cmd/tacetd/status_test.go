package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/store"
)

func active(t *testing.T, code string) health.Active {
	t.Helper()
	w, ok := health.Lookup(code)
	if !ok {
		t.Fatalf("no warning is called %s", code)
	}
	return health.Active{Warning: w, Since: time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC)}
}

// What is written is what is read, and half a consent is in none of it.
func TestReportRoundTrip(t *testing.T) {
	for phase, want := range map[string]string{
		"idle": "idle", "waiting": "idle", "starting": "idle", "recording": "recording", "stopping": "recording", "fault": "fault",
	} {
		dir := t.TempDir()
		r := newReporter(dir, slog.New(slog.DiscardHandler))
		r.report(daemon.Status{
			Boot: "b", Version: "v", Phase: phase, Consented: []bool{true, false}, Pressed: []bool{false, true}, Recording: "7q4k9mz2ha",
			Mic: "ok", Light: "proved", Clock: "synced", SpoolFree: 41*time.Hour + 35*time.Minute, UnitKey: "key",
			Warnings: []health.Active{active(t, "spool-low")}, Pending: 2,
			Stores: []store.Status{{Name: "nas", State: "full", Pending: 2, Trouble: &store.Trouble{Code: "store-full", Err: errors.New("no room")}}},
		})
		path := filepath.Join(dir, statusFile)
		got, err := readReport(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Phase != want || got.PID != os.Getpid() || got.FreeHours != 41.5 || got.UnitKey != "key" || len(got.Warnings) != 1 || got.Warnings[0].Code != "spool-low" {
			t.Errorf("%s: read %+v", phase, got)
		}
		if len(got.Stores) != 1 || got.Stores[0] != (place{Name: "nas", State: "full", Pending: 2, Detail: "no room"}) || got.Pending != 2 {
			t.Errorf("the stores: %+v", got.Stores)
		}
		if hidden := phase == "waiting" || phase == "starting"; hidden && got.Recording != "" {
			t.Errorf("%s: a recording is told that may never be", phase)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var fields map[string]any
		if err := json.Unmarshal(data, &fields); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"waiting", "starting", "stopping", "consented", "pressed"} {
			if strings.Contains(string(data), word) {
				t.Errorf("%s: status.json says %q: %s", phase, word, data)
			}
		}
		r.close()
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: status.json stays behind", phase)
		}
	}
}

func TestSentence(t *testing.T) {
	for _, c := range []struct {
		phase    string
		warnings []string
		want     string
	}{
		{"idle", nil, "ready, not recording"},
		{"waiting", nil, "ready, not recording"},
		{"recording", nil, "recording"},
		{"fault", []string{"mic-missing"}, "can't record; "},
		{"idle", []string{"spool-low", "mqtt-offline"}, " and 1 more"},
	} {
		s := daemon.Status{Phase: c.phase}
		for _, code := range c.warnings {
			s.Warnings = append(s.Warnings, active(t, code))
		}
		if got := sentence(s); !strings.Contains(got, c.want) || len(c.warnings) == 0 && got != c.want || strings.Contains(got, "\n") {
			t.Errorf("%s, %v: %q, want %q", c.phase, c.warnings, got, c.want)
		}
	}
}
