package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

var (
	here  = practice.RoomID{Site: "high-street", Room: "room-3"}
	start = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
)

func open(t *testing.T, dir string, o Options) *DB {
	t.Helper()
	db, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-db.done:
		default:
			db.Close()
		}
	})
	return db
}

// write returns when the writes are committed.
func write(t *testing.T, db *DB, all ...Write) {
	t.Helper()
	done := make(chan error, len(all))
	for _, w := range all {
		w.Done = func(err error) { done <- err }
		db.In() <- w
	}
	for range all {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func started(id string, at time.Time) practice.Entry {
	return practice.Entry{Room: here, At: at, Kind: practice.Started, ID: id, UnitTime: at, Recording: "7q4k9mz2ha"}
}

// What was written is there after the database was opened again; an event that comes twice is there
// once.
func TestKeeps(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, Options{Remember: 100 * 365 * 24 * time.Hour})
	seconds := 12.5
	ended := practice.Entry{Room: here, At: start.Add(time.Minute), Kind: practice.Ended, ID: "b-2", Seconds: &seconds}
	memory := practice.Memory{Broker: "main", Heard: start, State: practice.Ready}
	write(t, db,
		Write{Room: here, Entries: []practice.Entry{started("b-1", start)}, Memory: &memory,
			Latest: &practice.Latest{Name: "state", Payload: []byte("{}"), At: start}},
		Write{Room: here, Entries: []practice.Entry{started("b-1", start), ended}},
		Write{Entries: []practice.Entry{{At: start, Kind: practice.Linked, Text: "main"}}},
		Write{Room: here, At: start, Ledger: &topic.Ledger{Head: "h1", Recording: "r", Checkpoint: "c1"}},
		Write{Room: here, At: start, Ledger: &topic.Ledger{Head: "h1", Recording: "r", Checkpoint: "c2"}},
		Write{Room: here, At: start, Ledger: &topic.Ledger{Head: "h2"}},
	)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, dir, Options{Remember: 100 * 365 * 24 * time.Hour})
	line, err := db.Timeline(t.Context(), here, start, start.Add(time.Hour))
	if err != nil || len(line) != 2 || line[0].ID != "b-1" || *line[1].Seconds != 12.5 || !line[1].At.Equal(ended.At) {
		t.Errorf("%+v, %v", line, err)
	}
	today, err := db.Since(t.Context(), []string{"high-street"}, start, 0)
	if err != nil || len(today) != 3 || today[0].ID != "b-2" {
		t.Errorf("%+v, %v", today, err)
	}
	heads, err := db.Heads(t.Context(), here)
	if err != nil || len(heads) != 2 || heads[1].Head != "h2" {
		t.Errorf("%+v, %v", heads, err)
	}
	n := 0
	err = db.Rooms(t.Context(), func(k Kept) {
		n++
		if k.ID != here || k.Memory.Broker != "main" || !k.Memory.Heard.Equal(start) || len(k.Latest) != 1 ||
			string(k.Latest[0].Payload) != "{}" {
			t.Errorf("%+v", k)
		}
	})
	if err != nil || n != 1 {
		t.Errorf("%d rooms, %v", n, err)
	}
	var out strings.Builder
	if err := db.Export(t.Context(), &out, CSV); err != nil || strings.Count(out.String(), "\n") != 4 {
		t.Errorf("%v\n%s", err, &out)
	}
	out.Reset()
	if err := db.Export(t.Context(), &out, JSONL); err != nil || !strings.Contains(out.String(), `"event_id":"b-2"`) {
		t.Errorf("%v\n%s", err, &out)
	}
}

// An Update that fails leaves nothing, and does not spoil what is committed with it.
func TestRecords(t *testing.T) {
	db := open(t, t.TempDir(), Options{})
	broken := errors.New("broken")
	failed := make(chan error, 1)
	db.In() <- Write{Done: func(err error) { failed <- err }, Update: func(tx *Tx) error {
		return errors.Join(tx.Put("note", "z", []byte("no")), broken)
	}}
	err := db.Update(t.Context(), func(tx *Tx) error {
		for i := range 5 {
			if err := tx.Put("note", fmt.Sprint(i), []byte{byte(i)}); err != nil {
				return err
			}
		}
		if err := tx.Put("note", "1", []byte("new")); err != nil {
			return err
		}
		if got, err := tx.Get("note", "1"); err != nil || string(got) != "new" {
			t.Errorf("%q %v", got, err)
		}
		return errors.Join(tx.Delete("note", "4"), tx.Trim("note", 3))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, broken) {
		t.Error(err)
	}
	all, err := db.List(t.Context(), "note", "", 10)
	if err != nil || len(all) != 3 || all[0].Key != "1" || string(all[0].Value) != "new" || all[2].Key != "3" {
		t.Errorf("%v %v", all, err)
	}
	if got, err := db.Get(t.Context(), "note", "z"); err != nil || got != nil {
		t.Errorf("%q %v", got, err)
	}
	if some, err := db.List(t.Context(), "note", "1", 1); err != nil || len(some) != 1 || some[0].Key != "2" {
		t.Errorf("%v %v", some, err)
	}
}

// Old entries go, and too many of one room or of all rooms.
func TestBounds(t *testing.T) {
	db := open(t, t.TempDir(), Options{PerRoom: 10, Entries: 25, Remember: time.Hour})
	now := time.Now()
	other := practice.RoomID{Site: "high-street", Room: "room-4"}
	for i := range 40 {
		at := now.Add(-time.Duration(40-i) * time.Second)
		e := started(fmt.Sprint("b-", i+1), at)
		f := e
		f.Room = other
		write(t, db, Write{Room: here, Entries: []practice.Entry{e}})
		if i < 5 {
			write(t, db, Write{Room: other, Entries: []practice.Entry{f}, At: now.Add(-48 * time.Hour),
				Ledger: &topic.Ledger{Head: fmt.Sprint("h", i)}})
		}
	}
	count := func(id practice.RoomID) int {
		all, err := db.Timeline(t.Context(), id, now.Add(-24*time.Hour), now.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	db.prune(now)
	if a, b := count(here), count(other); a != 10 || b != 5 {
		t.Errorf("%d and %d entries are left, want 10 and 5", a, b)
	}
	if heads, err := db.Heads(t.Context(), other); err != nil || len(heads) != 1 || heads[0].Head != "h4" {
		t.Errorf("%v %v", heads, err)
	}
	db.prune(now.Add(2 * time.Hour))
	if a, b := count(here), count(other); a+b != 0 {
		t.Errorf("%d and %d entries are left", a, b)
	}
}

func TestOneDashboardPerFolder(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, Options{})
	if _, err := Open(dir, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second one gets %v", err)
	}
	reader, err := OpenReader(dir)
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir, Options{})
}

// While the disk refuses, nothing is acknowledged; afterwards all of it is written.
func TestFullDisk(t *testing.T) {
	db := open(t, t.TempDir(), Options{})
	if _, err := db.write.Exec("PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 200)
	for i := range 200 {
		e := started(fmt.Sprint("b-", i+1), start)
		e.Text = strings.Repeat("x", 1000)
		e.At = time.Now()
		db.In() <- Write{Room: here, Entries: []practice.Entry{e}, Done: func(err error) { done <- err }}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for db.Behind() == "" {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
			t.Fatal("it does not say that the disk is full")
		default:
		}
	}
	acknowledged := 0
	if all, err := db.Timeline(t.Context(), here, start, time.Now().Add(time.Hour)); err != nil || len(all) == 200 {
		t.Errorf("%d, %v: the disk was never full", len(all), err)
	}
	if _, err := db.write.Exec("PRAGMA max_page_count = 1000000"); err != nil {
		t.Fatal(err)
	}
	for {
		all, err := db.Timeline(t.Context(), here, start, time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for len(done) > 0 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			acknowledged++
		}
		if len(all) == 200 && db.Behind() == "" {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%d of 200 are there, %s", len(all), db.Behind())
		}
	}
}

// A folder of a newer program, and one that is damaged, are told apart: what to do differs.
func TestUnusableFolders(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(*testing.T, string)
		is    func(error) bool
	}{
		"newer": {func(t *testing.T, name string) {
			db, err := connect(name, 1)
			if err == nil {
				_, err = db.Exec(fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1))
			}
			if err = errors.Join(err, db.Close()); err != nil {
				t.Fatal(err)
			}
		}, func(err error) bool { return errors.Is(err, ErrNewer) && !Damaged(err) }},
		"damaged": {func(t *testing.T, name string) {
			if err := os.WriteFile(name, bytes.Repeat([]byte("no database"), 1000), 0o600); err != nil {
				t.Fatal(err)
			}
		}, func(err error) bool { return Damaged(err) && !errors.Is(err, ErrNewer) }},
	} {
		t.Run(what, func(t *testing.T) {
			dir := t.TempDir()
			d, err := Open(dir, Options{})
			if err == nil {
				err = d.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			c.spoil(t, filepath.Join(dir, File))
			if _, err := Open(dir, Options{}); !c.is(err) {
				t.Errorf("the dashboard: %v", err)
			}
			if _, err := OpenReader(dir); !c.is(err) {
				t.Errorf("a reader: %v", err)
			}
		})
	}
}
