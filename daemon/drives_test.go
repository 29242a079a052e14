package daemon_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/trust"
)

// slot is a place for a thumb drive, as local.Drive sees it: a drive with the store's mark is
// judged before it is used.
type slot struct {
	changed chan struct{}

	mu sync.Mutex
	in *thumb // nil: nothing is plugged in
}

// thumb is a thumb drive.
type thumb struct {
	*durabletest.Disk
	mark mark.Mark
	uuid string
}

// plug puts a drive in; nil takes it out.
func (s *slot) plug(in *thumb) {
	s.mu.Lock()
	s.in = in
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

type slotKind struct {
	*slot
	judge trust.Judge
}

func (k slotKind) Open(context.Context) (store.Medium, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.in == nil {
		return nil, &store.Trouble{Code: "store-missing", Err: fs.ErrNotExist}
	}
	if trouble := k.judge(k.in.mark, k.in.uuid, "/media/stick"); trouble != nil {
		return nil, trouble
	}
	return &inSlot{stick{k.in.Disk}, k.slot, k.in}, nil
}

func (k slotKind) Changed() <-chan struct{} { return k.changed }

// inSlot is a drive until it is pulled out.
type inSlot struct {
	stick
	slot *slot
	own  *thumb
}

func (m *inSlot) ID() string { return m.own.mark.ID + m.own.uuid }
func (m *inSlot) Check(error) error {
	m.slot.mu.Lock()
	defer m.slot.mu.Unlock()
	if m.slot.in != m.own {
		return &store.Trouble{Code: "store-missing", Err: fs.ErrNotExist}
	}
	return nil
}

// driveRoom returns a room with one thumb drive.
func driveRoom(t *testing.T) (*room, *slot) {
	r := newRoom(t, "room")
	s := &slot{changed: make(chan struct{}, 1)}
	r.cfg.Stores = []config.Store{{Name: "drive", Kind: config.Drive}}
	r.cfg.Spool.Release = "all"
	r.slots = map[string]*slot{"drive": s}
	return r, s
}

var thumbs uint64

// newThumb returns a drive with a mark, on a file system of its own.
func newThumb(m mark.Mark, uuid string) *thumb {
	thumbs++
	return &thumb{durabletest.NewDisk(100 + thumbs), m, uuid}
}

// marked returns a drive with the room's mark, which anybody can write.
func marked(t *testing.T, uuid string) *thumb {
	m, err := mark.New("high-street", "room-3", "drive")
	if err != nil {
		t.Fatal(err)
	}
	return newThumb(m, uuid)
}

// copies returns the number of recordings on a drive.
func (d *thumb) copies(t *testing.T) int { return recordingsOn(t, d.Disk) }

// recordingsOn returns the number of recordings on a disk; they may be going.
func recordingsOn(t *testing.T, d *durabletest.Disk) (n int) {
	t.Helper()
	entries, err := d.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), recording.Extension) {
			n++
		}
	}
	return n
}

// untouched checks that nothing was written to a drive, that a warning is up, and that the only
// copies are still on the unit.
func (r *room) untouched(d *thumb, code string, kept int) {
	r.Helper()
	pause(11 * time.Minute) // longer than any pause between tries
	if entries, err := d.ReadDir("."); err != nil || len(entries) != 0 {
		r.Errorf("%d files are on a drive that nobody trusts, %v", len(entries), err)
	}
	if n := len(r.reports()); n != kept {
		r.Errorf("%d recordings are on the unit, want %d", n, kept)
	}
	if got := r.warnings(); !slices.Contains(got, code) {
		r.Errorf("warnings %v, want %s", got, code)
	}
	if s := r.d.Status(); s.Pending != kept || s.Stores[0].State != "missing" {
		r.Errorf("%d are pending, and the store is %s", s.Pending, s.Stores[0].State)
	}
	for _, e := range r.entries(ledger.Released) {
		if r.holds(r.spool, e.ID) {
			r.Errorf("the ledger says that %s was released", e.ID)
		}
	}
}

// arrives checks that all recordings get to a drive, and none is left on the unit.
func (r *room) arrives(d *thumb, n int) {
	r.Helper()
	r.until(fmt.Sprintf("%d copies", n), 2*time.Minute, func() bool { return recordingsOn(r.T, r.spool) == 0 })
	if got := d.copies(r.T); got != n {
		r.Errorf("%d recordings are on the drive, want %d", got, n)
	}
}

// consults makes a recording of some seconds.
func (r *room) consults() {
	r.Helper()
	pause(4 * time.Second)
	r.press("room")
	r.phase("recording", 2*time.Second)
	pause(2500 * time.Millisecond)
	r.press("room")
	r.phase("idle", 5*time.Second)
}

// trustedDrive returns a room whose first drive is trusted, since it was there at the first start,
// and has a copy.
func trustedDrive(t *testing.T) (r *room, s *slot, first *thumb) {
	r, s = driveRoom(t)
	first = marked(t, "1234-ABCD")
	s.plug(first)
	r.boot()
	r.phase("idle", time.Second)
	r.consults()
	r.arrives(first, 1)
	return r, s, first
}

// Without an office the first drive is trusted once. Any other gets nothing until somebody confirms
// it: a planted one, one with a copied mark, one that replaces the first; also after a restart, and
// during a recording.
func TestUnknownDriveGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s, first := trustedDrive(t)
		planted := marked(t, "5678-ABCD")
		cloned := newThumb(first.mark, "9ABC-ABCD")
		nameless := newThumb(first.mark, "")
		for i, d := range []*thumb{planted, cloned, nameless} {
			s.plug(d)
			r.consults()
			r.untouched(d, "drive-new", i+1)
		}
		// Swapped during a recording, and back.
		s.plug(first)
		pause(10 * time.Second)
		r.arrives(first, 4)
		r.press("room")
		r.phase("recording", 2*time.Second)
		pause(10 * time.Second)
		s.plug(planted)
		pause(10 * time.Second)
		r.press("room")
		r.phase("idle", 5*time.Second)
		r.untouched(planted, "drive-new", 1)
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		r.boot()
		r.phase("idle", time.Second)
		r.untouched(planted, "drive-new", 1)
		if u := r.d.Status().Unconfirmed; len(u.Drives) != 1 || u.Drives[0].Drive != planted.mark.ID ||
			u.Drives[0].UUID != planted.uuid || len(u.Added) != 0 {
			t.Errorf("to be confirmed: %+v", u)
		}
		r.confirm()
		r.arrives(planted, 1)
		pause(20 * time.Second)
		if w := r.warnings(); len(w) != 0 {
			t.Errorf("after the confirmation: %v", w)
		}
		s.plug(cloned)
		r.consults()
		r.untouched(cloned, "drive-new", 1)
		s.plug(first)
		pause(10 * time.Second)
		r.arrives(first, 6)
		var by []string
		for _, e := range r.entries(ledger.Drive) {
			by = append(by, e.By+" "+e.UUID)
		}
		if want := []string{"first-use 1234-ABCD", "confirmed 5678-ABCD"}; !slices.Equal(by, want) {
			t.Errorf("the ledger's drives: %q, want %q", by, want)
		}
		r.finish()
	})
}

// First use ends with the next start, and after an hour.
func TestFirstUseEnds(t *testing.T) {
	for how, wait := range map[string]func(r *room){
		"a start": func(r *room) {
			if err := r.halt(); err != nil {
				r.Fatal(err)
			}
			r.boot()
		},
		"an hour": func(r *room) { pause(time.Hour) },
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := driveRoom(t)
				r.boot()
				r.phase("idle", time.Second)
				wait(r)
				r.phase("idle", time.Second)
				late := marked(t, "1234-ABCD")
				s.plug(late)
				r.consults()
				r.untouched(late, "drive-new", 1)
				r.finish()
			})
		})
	}
}

// During the first start a drive may come later, but only one for each store.
func TestFirstUseIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := driveRoom(t)
		r.boot()
		r.phase("idle", time.Second)
		pause(30 * time.Minute)
		first, second := marked(t, "1234-ABCD"), marked(t, "5678-ABCD")
		s.plug(first)
		r.consults()
		r.arrives(first, 1)
		s.plug(second)
		r.consults()
		r.untouched(second, "drive-new", 1)
		r.finish()
	})
}
