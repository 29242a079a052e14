//go:build linux

package storetest

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/spool"
	"tacet/daemon/store"
)

// Unit is a spool with one recording.
type Unit struct {
	Name string // of the recording
	Data []byte // the recording

	t     testing.TB
	spool *spool.Spool
	log   bytes.Buffer // guarded by mu

	mu        sync.Mutex
	conflicts []string
	released  chan struct{}
	changed   chan struct{}
}

// NewUnit makes a recording of about size bytes.
func NewUnit(t testing.TB, size int) *Unit {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	must(t, err)
	t.Cleanup(func() { root.Close() })
	u := &Unit{t: t, released: make(chan struct{}), changed: make(chan struct{}, 1)}
	u.spool, err = spool.Open(durable.OS(root))
	must(t, err)
	spec := recordingtest.Spec{Unit: recordingtest.NewUnit(t, "high-street", "room-3"), ID: recording.NewID(),
		Started: recordingtest.Started}
	spec.For = []string{recordingtest.NewOffice(t, recordingtest.Classic).Recipient}
	u.Name = recording.Name(spec.Started, "room-3", spec.ID)
	file, err := u.spool.Create(u.Name)
	must(t, err)
	sealer := recordingtest.NewSealer(t, spec)
	add := func(b []byte, err error) {
		t.Helper()
		must(t, err)
		must(t, file.Append(b))
		u.Data = append(u.Data, b...)
	}
	add(sealer.Begin(recordingtest.Consent))
	samples := int64(0)
	for ; len(u.Data) < size; samples += 8000 {
		add(sealer.Segment(bytes.Repeat([]byte{byte(samples / 8000)}, 16<<10), nil))
	}
	add(sealer.End(recording.End{Reason: recording.Withdrawn, Samples: samples}, recordingtest.Closing))
	must(t, file.Close())
	return u
}

// Fate is the result of Follow.
type Fate struct {
	Released  bool
	Trouble   *store.Trouble // the store's first trouble, or nil
	Conflicts []string       // reasons for copies with other names
	Log       string
}

// Follow copies the recording to a store until the spool releases it. After a trouble it waits only
// for stubborn.
func (u *Unit) Follow(k store.Kind, stubborn time.Duration) Fate {
	u.t.Helper()
	set, err := store.NewSet(store.Settings{
		Spool: u.spool, Ledger: u, Release: store.ReleaseAll, Places: []store.Place{{Name: "office", Kind: k}},
		Log: slog.New(slog.NewTextHandler(u, nil)), ClockSet: func() bool { return true },
		Copied: func(string, string) {}, Released: func(string) { close(u.released) },
		Conflict: func(_, why string) {
			u.mu.Lock()
			defer u.mu.Unlock()
			u.conflicts = append(u.conflicts, why)
		},
		Changed: func() {
			select {
			case u.changed <- struct{}{}:
			default:
			}
		},
	})
	must(u.t, err)
	ctx, stop := context.WithCancel(u.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); set.Run(ctx) }()
	var fate Fate
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for over := false; !over; {
		select {
		case <-u.released:
			fate.Released, over = true, true
		case <-u.changed:
			if t := set.Stores()[0].Trouble; t != nil && fate.Trouble == nil {
				fate.Trouble = t
				timeout.Reset(stubborn)
			}
		case <-timeout.C:
			over = true
		}
	}
	stop()
	<-ended
	u.mu.Lock()
	defer u.mu.Unlock()
	fate.Conflicts, fate.Log = u.conflicts, u.log.String()
	return fate
}

// Said reports whether the unit's log contains a text.
func (f Fate) Said(text string) bool { return strings.Contains(f.Log, text) }

// Write appends a line to the log.
func (u *Unit) Write(line []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.log.Write(line)
}

// The ledger, which is ignored.

func (u *Unit) Copied(string, string) error                               { return nil }
func (u *Unit) Released(string) error                                     { return nil }
func (u *Unit) Expired(string, string) error                              { return nil }
func (u *Unit) History(func(store.Deed, string, string, time.Time)) error { return nil }
