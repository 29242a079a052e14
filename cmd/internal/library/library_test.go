package library

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// fixture is a library of a folder, and what makes recordings for it.
type fixture struct {
	t      *testing.T
	dir    string
	unit   recordingtest.Unit
	office recordingtest.Office
	*Library
}

// newFixture makes an empty library. known says whether it has the office's identity and the unit's
// key.
func newFixture(t *testing.T, known bool) *fixture {
	t.Helper()
	s := &fixture{t: t, dir: t.TempDir(), unit: recordingtest.NewUnit(t, "high-street", "room-3"),
		office: recordingtest.NewOffice(t, recordingtest.Hybrid)}
	o := Options{}
	if known {
		o.Identities = append(o.Identities, s.office.Identity)
		o.Units = func() []string { return []string{s.unit.VKey} }
	}
	var err error
	if s.Library, err = Open(s.dir, o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// add puts a recording into the folder, after passing it through spoil.
func (s *fixture) add(spec recordingtest.Spec, spoil func([]byte) []byte) (name string) {
	s.t.Helper()
	spec.Unit, spec.For = s.unit, []string{s.office.Recipient}
	if spec.ID == "" {
		spec.ID = recording.NewID()
	}
	if spec.Started.IsZero() {
		spec.Started = recordingtest.Started
	}
	data := recordingtest.Make(s.t, spec)
	if spoil != nil {
		data = spoil(data)
	}
	name = recording.Name(spec.Started, "room-3", spec.ID)
	s.write(name, data)
	return name
}

func (s *fixture) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// flip changes one byte of the first segment.
func flip(data []byte) []byte {
	data[bytes.Index(data, []byte("000001.age"))+512+300] ^= 1
	return data
}

// get requests a path from the library.
func (s *fixture) get(path string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), "GET", path, nil)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestListShowsEachState(t *testing.T) {
	s := newFixture(t, true)
	hour := func(n int) recordingtest.Spec {
		return recordingtest.Spec{Segments: n, Started: recordingtest.Started.Add(time.Duration(n) * time.Hour)}
	}
	whole := s.add(hour(2), nil)
	cut := hour(1)
	cut.Cut = true
	unfinished := s.add(cut, nil)
	damaged := s.add(hour(3), flip)
	interrupted := s.add(recordingtest.Spec{Cut: true, Segments: 4, Started: recordingtest.Started.Add(4 * time.Hour)},
		func(data []byte) []byte {
			var closed bytes.Buffer
			if _, err := recording.Recover(bytes.NewReader(data), int64(len(data)), &closed, s.unit.Signer, "boot"); err != nil {
				t.Fatal(err)
			}
			return closed.Bytes()
		})
	foreign := recording.Name(recordingtest.Started.Add(5*time.Hour), "room-3", recording.NewID())
	s.write(foreign, []byte("nothing of ours"))
	s.write("notes.txt", []byte("not a recording"))
	s.write(strings.TrimSuffix(whole, ".tacet")+".tacet.tmp", []byte("half"))
	if err := os.Mkdir(filepath.Join(s.dir, recording.Name(recordingtest.Started, "room-3", recording.NewID())),
		0o700); err != nil {
		t.Fatal(err)
	}

	items, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	want := []Item{
		{File: unfinished, State: "unfinished", Seconds: 1, Playable: true},
		{File: whole, State: "whole", Seconds: 2, Reason: "withdrawn", Playable: true},
		{File: damaged, State: "damaged", Seconds: 3, Playable: true},
		{File: interrupted, State: "interrupted", Seconds: 4, Reason: "interrupted", Playable: true},
		{File: foreign, State: "damaged"},
	}
	if len(items) != len(want) {
		t.Fatalf("%d items: %+v", len(items), items)
	}
	for i, got := range items {
		w := want[i]
		if w.State == "damaged" {
			got.Seconds, got.Reason = w.Seconds, w.Reason // package recording tests these
		}
		if got.File != w.File || got.State != w.State || got.Seconds != w.Seconds || got.Reason != w.Reason ||
			got.Playable != w.Playable {
			t.Errorf("item %d is %+v, want %+v", i, got, w)
		}
		if got.Playable && (got.Room != "room-3" || got.Codec != "wav" || !strings.Contains(got.File, got.ID)) {
			t.Errorf("item %d is %+v", i, got)
		}
	}
	var listed []Item
	w := s.get("/")
	if err := json.Unmarshal(w.Body.Bytes(), &listed); err != nil || w.Code != 200 {
		t.Fatal(err, w.Code)
	}
	if !slices.Equal(listed, items) {
		t.Errorf("GET / returns %+v", listed)
	}
}

// A recording that has left the folder is listed from a further folder, as long as that is there.
func TestElsewhere(t *testing.T) {
	s := newFixture(t, true)
	drive, unmounted := t.TempDir(), false
	s.options.Elsewhere = func() []string {
		if unmounted {
			return nil
		}
		return []string{filepath.Join(drive, "none"), drive}
	}
	both, left := s.add(recordingtest.Spec{Segments: 2}, nil), s.add(recordingtest.Spec{Segments: 3}, nil)
	for _, name := range []string{both, left} {
		data, err := os.ReadFile(filepath.Join(s.dir, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(drive, name), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(s.dir, left)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{2, 1} {
		if items, err := s.List(); err != nil || len(items) != want {
			t.Errorf("%d are listed, want %d: %v", len(items), want, err)
		}
		unmounted = true
	}
}

func TestNothingIsPlayableWithoutAnIdentity(t *testing.T) {
	s := newFixture(t, false)
	name := s.add(recordingtest.Spec{Segments: 1}, nil)
	items, err := s.List()
	if err != nil || len(items) != 1 || items[0].Playable {
		t.Errorf("%+v, %v", items, err)
	}
	if w := s.get("/" + name + "/audio"); w.Code != http.StatusForbidden {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}

// The list reads only what has changed. A check reads every byte each time.
func TestListReadsOnlyWhatChanged(t *testing.T) {
	s := newFixture(t, true)
	name := s.add(recordingtest.Spec{Segments: 2}, nil)
	state := func() string {
		items, err := s.List()
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		return items[0].State
	}
	if state() != "whole" {
		t.Fatal("it isn't whole")
	}
	path := filepath.Join(s.dir, name)
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s.write(name, flip(data))
	if err := os.Chtimes(path, before.ModTime(), before.ModTime()); err != nil {
		t.Fatal(err)
	}
	if state() != "whole" {
		t.Error("the list read a file whose time and size have not changed")
	}
	if v := s.verdict(name); v.State != "damaged" {
		t.Errorf("the check returns %+v", v)
	}
	if err := os.Chtimes(path, before.ModTime(), before.ModTime().Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if state() != "damaged" {
		t.Error("the list did not read a changed file")
	}
}

// A growing recording has to be read from its start, so it is not read at each of its syncs.
func TestAGrowingRecordingIsReadNowAndThen(t *testing.T) {
	s := newFixture(t, true)
	spec := recordingtest.Spec{Segments: 3, Cut: true, Unit: s.unit, For: []string{s.office.Recipient},
		ID: recording.NewID()}
	data := recordingtest.Make(t, spec)
	name := recording.Name(recordingtest.Started, "room-3", spec.ID)
	synctest.Test(t, func(t *testing.T) {
		for _, step := range []struct {
			bytes   int
			after   time.Duration
			seconds float64
		}{
			{bytes.Index(data, []byte("000003.age")), 0, 2},
			{len(data), 0, 2},
			{len(data), minInterval - 1, 2},
			{len(data), 1, 3},
		} {
			s.write(name, data[:step.bytes])
			time.Sleep(step.after) // in fake time
			items, err := s.List()
			if err != nil || len(items) != 1 || items[0].Seconds != step.seconds {
				t.Errorf("after %d bytes and %v: %+v, %v", step.bytes, step.after, items, err)
			}
		}
	})
}

func TestOnlyRecordingsOfTheFolderAreServed(t *testing.T) {
	s := newFixture(t, true)
	name := s.add(recordingtest.Spec{Segments: 1}, nil)
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := recording.Name(recordingtest.Started, "room-3", recording.NewID())
	if err := os.Symlink(outside, filepath.Join(s.dir, link)); err != nil {
		t.Fatal(err)
	}
	s.write("office.key", []byte("secret"))
	pipe := recording.Name(recordingtest.Started, "room-3", recording.NewID())
	if err := syscall.Mkfifo(filepath.Join(s.dir, pipe), 0o600); err != nil {
		t.Fatal(err)
	}
	if items, err := s.List(); err != nil || len(items) != 1 {
		t.Errorf("the list is %v, %v", items, err)
	}
	for _, path := range []string{"/office.key", "/" + pipe, "/..%2fsecret", "/" + link, "/" + link + "/verify",
		"/" + link + "/audio", "/nothing.tacet"} {
		if w := s.get(path); w.Code == 200 || strings.Contains(w.Body.String(), "secret") && w.Code < 400 {
			t.Errorf("GET %s: %d %s", path, w.Code, w.Body)
		}
	}
	lies, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	if w := s.get("/" + name); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), lies) {
		t.Errorf("the file itself: %d, %d bytes", w.Code, w.Body.Len())
	}
	for _, path := range []string{"/recordings.js", "/recordings.css"} {
		if w := s.get(path); w.Code != 200 {
			t.Errorf("GET %s: %d", path, w.Code)
		}
	}
}
