//go:build unix

package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/spool"
)

// Tried is the result of Probe.
type Tried struct {
	Where  string   // what was reached
	Limits []string // what it can't do; see Limited
	Left   string   // what could not be removed; empty: nothing
}

// A Prober is a medium that tries what a small copy doesn't.
type Prober interface {
	// Probe tries it, and leaves nothing behind. small says whether a small copy may be tried too.
	Probe(ctx context.Context) (small bool, err error)
}

// A Remover is a Bucket in which the account may be allowed to remove objects. Followers never do.
type Remover interface {
	Remove(ctx context.Context, name string) error
}

// probeName is the name of the copy; no recording has it.
const probeName = ".tacet-probe"

// Probe opens a store and has a follower copy something there as it copies recordings: create,
// append, replace, and read back each time. So the unit will meet the same problems. It removes
// what it wrote. An error is a [*Trouble]. It doesn't write to a store that Open refuses, such as a
// drive without our mark.
func Probe(ctx context.Context, k Kind) (Tried, error) {
	m, err := k.Open(ctx)
	if err != nil {
		return Tried{}, troubleOf(err)
	}
	defer m.Close()
	defer context.AfterFunc(ctx, m.Abort)()
	tried := Tried{Where: m.ID()}
	t, err := newTrial(k)
	if err == nil {
		switch m := m.(type) {
		case Folder:
			err = t.folder(ctx, m)
			tried.Left = t.cleanUp(m)
		case Bucket:
			err = t.bucket(ctx, m)
			tried.Left = t.removed(ctx, m)
		}
	}
	if l, ok := m.(Limited); ok {
		tried.Limits = l.Limits()
	}
	if err != nil {
		if t := m.Check(err); t != nil {
			err = t
		}
		return tried, troubleOf(err)
	}
	return tried, nil
}

// trial is a follower of a spool in memory with one recording.
type trial struct {
	*follower
	text []byte // the complete recording
	size int    // how much of it is in the spool
}

const (
	// trialSize is more than one SFTP request holds, and little for a slow line. trialStart is the
	// size at first.
	trialSize  = 96 << 10
	trialStart = 40 << 10
)

func newTrial(k Kind) (*trial, error) {
	t := &trial{text: make([]byte, trialSize)}
	_, _ = rand.NewChaCha8([32]byte{}).Read(t.text) // always the same, to recognise what an earlier trial left
	set, err := NewSet(Settings{
		Spool: t, Ledger: t, Release: ReleaseNever, Places: []Place{{Name: "try", Kind: k}},
		Log:      slog.New(slog.DiscardHandler),
		ClockSet: func() bool { return false }, Copied: func(string, string) {}, Released: func(string) {},
		Conflict: func(string, string) {}, Changed: func() {},
	})
	if err != nil {
		return nil, err
	}
	t.follower = set.followers[0]
	return t, nil
}

// folder has a copy made, appended to and replaced.
func (t *trial) folder(ctx context.Context, m Folder) error {
	for _, name := range []string{probeName, probeName + durable.TempSuffix} { // left by an interruption
		if err := m.FS().Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) && !isRefusal(err) {
			return err
		}
	}
	for _, step := range []func(){
		func() { t.size = trialStart },
		func() { t.size = trialSize },
		func() { t.failed[probeName] = true }, // as if a write had failed
	} {
		step()
		if err := t.bring(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// bucket probes the medium, then has a small copy made.
func (t *trial) bucket(ctx context.Context, m Bucket) error {
	if p, ok := m.(Prober); ok {
		if small, err := p.Probe(ctx); err != nil || !small {
			return err
		}
	}
	t.size = trialSize
	return t.bring(ctx, m)
}

// bring has the follower copy the recording at its present size.
func (t *trial) bring(ctx context.Context, m Medium) error {
	x := t.set.index
	x.drop(probeName)
	e := &entry{name: probeName, id: "try", held: []bool{false}, finished: true}
	x.mu.Lock()
	x.date(e, cameNow, time.Time{})
	x.entries[probeName], x.waiting[0], x.lacking = e, []*entry{e}, 1
	x.mu.Unlock()
	if err := t.use(ctx, m); err != nil {
		return err
	}
	if e, _ := x.get(probeName); !e.held[0] {
		return fmt.Errorf("the copy %s was not made", probeName)
	}
	return nil
}

// cleanUp removes what the trial wrote, and returns what it could not remove.
func (t *trial) cleanUp(m Folder) (left string) {
	for n := 1; n <= maxNames; n++ {
		for _, suffix := range []string{"", durable.TempSuffix} {
			name := Beside(probeName, n) + suffix
			if _, err := m.FS().Stat(name); err != nil {
				continue
			}
			if err := m.FS().Remove(name); err != nil && left == "" {
				left = fmt.Sprintf("%s can't be removed (%v)", name, shorten(err))
			}
		}
	}
	_ = m.FS().SyncDir(".")
	return left
}

func (t *trial) removed(ctx context.Context, m Bucket) (left string) {
	if r, ok := m.(Remover); ok && t.size > 0 {
		if err := r.Remove(ctx, probeName); err != nil {
			return probeName + " stays, because the account may not remove it, which is fine"
		}
	}
	return ""
}

// The spool and the ledger of a trial.

func (t *trial) List() ([]spool.Entry, error)                        { return nil, nil }
func (t *trial) Read(string) (durable.File, error)                   { return memoryFile(t.text[:t.size]), nil }
func (t *trial) Synced(string) (int64, bool, error)                  { return int64(t.size), false, nil }
func (t *trial) Remove(string) error                                 { return nil }
func (t *trial) Copied(string, string) error                         { return nil }
func (t *trial) Released(string) error                               { return nil }
func (t *trial) Expired(string, string) error                        { return nil }
func (t *trial) History(func(Deed, string, string, time.Time)) error { return nil }
