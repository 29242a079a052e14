package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/store"
)

func active(t *testing.T, code health.Code) health.Active {
	t.Helper()
	w, ok := health.Lookup(code)
	if !ok {
		t.Fatalf("no warning is called %s", code)
	}
	return health.Active{Warning: w, Since: time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC)}
}

// recordingID returns an ID, or "" if nothing is being recorded.
func recordingID(recording bool) string {
	if recording {
		return "7q4k9mz2ha"
	}
	return ""
}

// Everybody on the unit may read the report, though the service's umask keeps the rest private.
func TestEverybodyMayReadTheReport(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o077))
	dir := t.TempDir()
	newReporter(dir, slog.New(slog.DiscardHandler)).report(daemon.Status{Phase: "idle"})
	info, err := os.Stat(filepath.Join(dir, statusFile))
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", info, err)
	}
}

// The service owns the folder of its report, and root reads it. What isn't an ordinary file there
// would hold root up for ever.
func TestAReportThatIsNoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), statusFile)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := readReport(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil || !strings.Contains(err.Error(), "is not an ordinary file") {
			t.Errorf("a pipe reads as %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("reading a pipe hangs")
	}
}

// The report reads back as it was written, and contains no partial consent.
func TestReportRoundTrip(t *testing.T) {
	for _, c := range []struct {
		phase    string
		recorded bool
	}{{"idle", false}, {"recording", true}, {"fault", false}} {
		phase := c.phase
		dir := t.TempDir()
		r := newReporter(dir, slog.New(slog.DiscardHandler))
		r.report(daemon.Status{
			Boot: "b", Version: "v", Phase: phase,
			Recording: recordingID(c.recorded),
			Mic:       "ok", Light: "proved", Clock: "synced", SpoolFree: 41*time.Hour + 35*time.Minute, UnitKey: "key",
			Warnings: []health.Active{active(t, "spool-low")}, Pending: 2,
			Stores: []store.Status{{Name: "nas", State: "full", Pending: 2,
				Trouble: &store.Trouble{Code: "store-full", Err: errors.New("no room")}}},
		})
		path := filepath.Join(dir, statusFile)
		got, err := readReport(path)
		if err != nil {
			t.Fatal(err)
		}
		if got.Phase != phase || got.PID != os.Getpid() || got.FreeHours != 41.5 || got.UnitKey != "key" ||
			len(got.Warnings) != 1 || got.Warnings[0].Code != "spool-low" {
			t.Errorf("%s: read %+v", phase, got)
		}
		nas := storeReport{Name: "nas", State: "full", Pending: 2, Detail: "no room"}
		if len(got.Stores) != 1 || got.Stores[0] != nas || got.Pending != 2 {
			t.Errorf("the stores: %+v", got.Stores)
		}
		if got.Recording != recordingID(c.recorded) {
			t.Errorf("%s: the recording is %q", phase, got.Recording)
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
			t.Errorf("%s: status.json is still there", phase)
		}
	}
}

// A local user can see when status.json and systemd's status change. They don't change at a press
// or a refusal.
func TestPressesDoNotShow(t *testing.T) {
	manager := beSystemd(t)
	dir := t.TempDir()
	r := newReporter(dir, slog.New(slog.DiscardHandler))
	read := func() string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, statusFile))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	idle := daemon.Status{Phase: "idle", Mic: "ok", Warnings: []health.Active{active(t, "spool-low")}}
	r.report(idle)
	before := read()
	manager.hears(t, "ready")
	same := idle
	same.Warnings = []health.Active{active(t, "spool-low")}
	if r.report(same); read() != before {
		t.Errorf("status.json is written for nothing new:\n%s%s", before, read())
	}
	recording := daemon.Status{Phase: "recording", Recording: recordingID(true)}
	r.report(recording)
	if line := manager.next(t, "recording"); !strings.HasSuffix(line, "STATUS=recording") {
		t.Errorf("at the recording systemd hears %q", line)
	}
	written := read()
	recording.Synced = time.Minute
	if r.report(recording); written == before || read() != written {
		t.Errorf("status.json at the start and after a minute of recording:\n%s%s", written, read())
	}
}

func TestStatusLine(t *testing.T) {
	for _, c := range []struct {
		phase    string
		ending   bool
		warnings []string
		want     string
	}{
		{"idle", false, nil, "ready, not recording"},
		{"recording", false, nil, "recording"},
		{"recording", true, nil, "ending a recording"},
		{"fault", false, []string{"mic-missing"}, "can't record; "},
		{"idle", false, []string{"spool-low", "mqtt-offline"}, " and 1 more"},
	} {
		s := daemon.Status{Phase: c.phase, Ending: c.ending}
		for _, code := range c.warnings {
			s.Warnings = append(s.Warnings, active(t, health.Code(code)))
		}
		if got := statusLine(s); !strings.Contains(got, c.want) || len(c.warnings) == 0 && got != c.want ||
			strings.Contains(got, "\n") {
			t.Errorf("%s, %v: %q, want %q", c.phase, c.warnings, got, c.want)
		}
	}
}
