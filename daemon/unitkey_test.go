package daemon_test

import (
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
)

// A unit that has a key but no ledger says so at every start, and trusts nobody until somebody
// confirms; then it records. The first start of a unit misses nothing.
func TestLedgerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		says := func(what string, want bool) {
			t.Helper()
			r.boot()
			pause(20 * time.Second)
			if got := slices.Contains(r.warnings(), "recipients-bad"); got != (what == "with the ledger gone") {
				t.Errorf("%s: %v", what, r.warnings())
			} else if got {
				r.confirm()
			}
			r.until(what+" ready", time.Minute, func() bool { return r.sees() == "idle" })
			pause(20 * time.Second)
			if got := slices.Contains(r.warnings(), "ledger-new"); got != want {
				t.Errorf("%s: %v, want it to say ledger-new: %v", what, r.warnings(), want)
			}
			r.press("room")
			r.phase("recording", 5*time.Second)
			pause(5 * time.Second)
			r.press("room")
			r.phase("idle", 10*time.Second)
			if err := r.halt(); err != nil {
				t.Fatal(err)
			}
		}
		says("the first start", false)
		says("the second", false)
		for _, name := range []string{"ledger", "ledger.head"} {
			if err := r.own.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		says("with the ledger gone", true)
		says("the next", true)
		if err := r.own.Remove("ledger.new"); err != nil {
			t.Fatal(err)
		}
		says("when somebody has seen to it", false)
		for _, name := range []string{"ledger", "ledger.head", "unit.key"} {
			if err := r.own.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		says("made anew, with a key of its own", false)
	})
}

// A first start that could not write its ledger at once misses nothing either.
func TestFirstStartInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		var tries atomic.Int32
		r.keep = func(own durable.FS) durable.FS {
			if tries.Add(1) == 2 { // the first one is for the key
				return noLedger{own}
			}
			return own
		}
		r.boot()
		r.until("ready", time.Minute, func() bool { return r.sees() == "idle" && r.d.Status().UnitKey != "" })
		pause(20 * time.Second)
		if tries.Load() < 3 || slices.Contains(r.warnings(), "ledger-new") {
			t.Errorf("after %d tries: %v", tries.Load(), r.warnings())
		}
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
	})
}

// noLedger is a folder where no file can be created.
type noLedger struct{ durable.FS }

func (noLedger) Create(string) (durable.File, error) { return nil, fs.ErrPermission }

// A key that others may read raises a warning while it is so, and changes nothing else.
func TestExposedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		var mode atomic.Uint32
		mode.Store(0o644)
		r.keep = func(own durable.FS) durable.FS { return modes{own, &mode} }
		r.boot()
		r.until("unit-key-mode", time.Minute, func() bool { return slices.Contains(r.warnings(), "unit-key-mode") })
		r.press("room")
		r.phase("recording", 5*time.Second)
		pause(2 * time.Second)
		r.press("room")
		r.phase("idle", 10*time.Second)
		mode.Store(0o600)
		r.until("end of the warning", time.Minute, func() bool { return !slices.Contains(r.warnings(), "unit-key-mode") })
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
	})
}

// modes is a folder whose files have another mode.
type modes struct {
	durable.FS
	mode *atomic.Uint32
}

func (m modes) Stat(name string) (fs.FileInfo, error) {
	info, err := m.FS.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return info, err
	}
	return moded{info, fs.FileMode(m.mode.Load())}, nil
}

type moded struct {
	fs.FileInfo
	mode fs.FileMode
}

func (m moded) Mode() fs.FileMode { return m.mode }
