package daemon_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/store"
	"tacet/daemon/trust"
)

// stick is a store on a disk that can fail.
type stick struct{ *durabletest.Disk }

func (k *stick) Open(context.Context) (store.Medium, error) {
	if err := k.Writable(); errors.Is(err, durabletest.ErrOff) {
		return nil, &store.Trouble{Code: "store-missing", Err: err}
	}
	return &stick{k.Disk}, nil
}
func (k *stick) Changed() <-chan struct{} { return nil }
func (k *stick) ID() string               { return "stick" }
func (k *stick) Check(cause error) error  { return nil }
func (k *stick) Abort()                   {}
func (k *stick) Close() error             { return nil }
func (k *stick) FS() durable.FS           { return k.Disk }
func (k *stick) ReadBack(name string) (io.ReadCloser, error) {
	data, err := k.Disk.ReadBack(name)
	return io.NopCloser(bytes.NewReader(data)), err
}

// withStores gives the room a number of sticks.
func (r *room) withStores(n int) {
	r.sticks = map[string]*stick{}
	for i := range n {
		s := config.Store{Name: fmt.Sprintf("stick-%d", i), Kind: config.Drive}
		r.cfg.Stores = append(r.cfg.Stores, s)
		r.sticks[s.Name] = &stick{durabletest.NewDisk(uint64(10 + i))}
	}
	r.cfg.Spool.Release = "all"
}

func (r *room) storeKind(s config.Store, judge trust.Judge) store.Kind {
	if slot := r.slots[s.Name]; slot != nil {
		return slotKind{slot, judge}
	}
	return r.sticks[s.Name]
}

// consultations makes a number of recordings, and calls poll meanwhile.
func (r *room) consultations(n int, poll func()) {
	for range n {
		r.press("room")
		for range 34 {
			pause(100 * time.Millisecond)
			poll()
		}
		r.press("room")
		pause(4 * time.Second)
		poll()
	}
}

// disks returns every disk that the unit writes to: the spool, its own folder, its stores.
func (r *room) disks() []*durabletest.Disk {
	all := []*durabletest.Disk{r.spool, r.own}
	for _, s := range r.cfg.Stores {
		all = append(all, r.sticks[s.Name].Disk)
	}
	return all
}

// cut cuts the power of all of them.
func (r *room) cut(keep int, tear durabletest.Tear) {
	r.spool, r.own = r.spool.PowerCut(keep, tear), r.own.PowerCut(keep, tear)
	for _, k := range r.sticks {
		k.Disk = k.PowerCut(keep, tear)
	}
}

// claims checks every copy and release in the ledger against the disks.
func (r *room) claims() (copied int) {
	r.Helper()
	data, err := durable.ReadFile(r.own, "ledger", 1<<20)
	if err != nil {
		return 0 // cut before there was a ledger
	}
	for _, line := range bytes.Split(data, []byte("\n")) {
		var e ledger.Entry
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		if e.Type == ledger.Released && r.holds(r.spool, e.ID) {
			r.Errorf("the ledger says that %s was released, but it is there", e.ID)
		}
		if e.Type != ledger.Copied {
			continue
		}
		copied++
		if !r.holds(r.sticks[e.Store].Disk, e.ID) {
			r.Errorf("the ledger says that %s has %s, but it does not", e.Store, e.ID)
		}
	}
	return copied
}

// holds reports whether a disk has a complete recording, under its own name or one next to it: a
// power cut may leave a broken file under its own name, which must not be overwritten.
func (r *room) holds(d *durabletest.Disk, id string) bool {
	entries, _ := d.ReadDir(".")
	for _, e := range entries {
		if !strings.Contains(e.Name(), "_"+id+".") || !strings.HasSuffix(e.Name(), recording.Extension) {
			continue
		}
		data, err := durable.ReadFile(d, e.Name(), 64<<20)
		rep, bad := recording.Verify(bytes.NewReader(data), int64(len(data)), recording.Options{})
		return err == nil && bad == nil && rep.State.Complete()
	}
	return false
}

// operationsOf counts the operations of three consultations on each disk.
func operationsOf(t *testing.T) (n []int) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.withStores(2)
		r.boot()
		r.phase("idle", time.Second)
		r.consultations(3, func() {})
		pause(30 * time.Second)
		if left := len(r.reports()); left != 0 {
			t.Errorf("%d recordings are left on the spool", left)
		}
		if r.claims() != 6 {
			t.Errorf("%d copies are in the ledger", r.claims())
		}
		for _, d := range r.disks() {
			n = append(n, d.Ops())
		}
		if err := r.halt(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// The power goes at every operation of three recordings with two stores: on the spool, on the
// unit's own folder, on either stick. What was synced is kept, the ledger claims nothing that is
// not so, and after the next start everything gets where it belongs. 1,000 cuts, 10,000 with
// TACET_SOAK; TACET_CUTS overrides both.
func TestPowerCutsWithStores(t *testing.T) {
	ops := operationsOf(t)
	cuts := 1000
	if os.Getenv("TACET_SOAK") != "" {
		cuts = 10_000
	}
	if n, err := strconv.Atoi(os.Getenv("TACET_CUTS")); err == nil {
		cuts = n
	}
	total := 0
	for _, n := range ops {
		total += n
	}
	t.Logf("%d operations on four disks, %d cuts", total, cuts)
	synced, claimed := 0, 0
	for i := range cuts {
		at, disk := i*total/cuts%total+1, 0
		if cuts > total {
			at = i%total + 1
		}
		for at > ops[disk] {
			at, disk = at-ops[disk], disk+1
		}
		keep, tear := []int{0, 50, 100}[(i+i/total)%3],
			[]durabletest.Tear{durabletest.Sector, durabletest.Page}[(i/3+i/total)%2]
		t.Run(fmt.Sprintf("disk %d operation %d keep=%d tear=%d", disk, at, keep, tear), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := powerCut(t, disk, at, keep, tear)
				synced, claimed = synced+s, claimed+c
			})
		})
	}
	t.Logf("%d segments were synced before the power went, %d copies claimed", synced, claimed)
	if synced == 0 || claimed == 0 {
		t.Error("nothing was synced or claimed before a cut: nothing was tried")
	}
}

func powerCut(t *testing.T, disk, at, keep int, tear durabletest.Tear) (synced, claimed int) {
	r := newRoom(t, "room")
	r.withStores(2)
	r.disks()[disk].CutAt(at)
	r.boot()
	segments := map[string]int64{} // by recording, synced before the power cut
	dark := false
	r.consultations(3, func() {
		s := r.d.Status()
		if dark = dark || r.off(disk); dark || s.Recording == "" {
			return // after the power cut nobody hears anything
		}
		segments[s.Recording] = max(segments[s.Recording], int64(s.Synced/time.Second))
		if lag := time.Since(s.Started) - s.Synced; s.Phase == "recording" && lag > 1600*time.Millisecond {
			t.Errorf("the disk is %s behind what was captured", lag)
		}
	})
	pause(10 * time.Second)
	r.halt() // fails: a disk is gone
	r.cut(keep, tear)

	claimed = r.claims()
	r.boot()
	pause(3 * time.Second)
	reports := map[string]*recording.Report{}
	for _, rep := range r.reports() {
		reports[rep.Head.ID] = rep
	}
	for id, n := range segments {
		synced += int(n)
		if rep := reports[id]; rep != nil && rep.Segments < n {
			t.Errorf("%d segments of %s were synced, %d are left", n, id, rep.Segments)
		} else if rep == nil && n > 0 && !r.everywhere(id) {
			t.Errorf("%s is gone from the spool, with %d segments synced, and not on every stick", id, n)
		}
	}
	r.recordsAgain()
	pause(time.Minute)
	if left := len(r.reports()); left != 0 {
		t.Errorf("%d recordings are left on the spool: %+v", left, r.d.Status().Stores)
	}
	for id, n := range segments {
		if n > 0 && !r.everywhere(id) {
			t.Errorf("%s is not on every stick", id)
		}
	}
	r.claims()
	r.finish()
	for _, k := range r.sticks {
		for _, v := range k.Violations() {
			t.Error(v)
		}
	}
	return synced, claimed
}

func (r *room) everywhere(id string) bool {
	for _, k := range r.sticks {
		if !r.holds(k.Disk, id) {
			return false
		}
	}
	return true
}

// off reports whether a disk has lost its power.
func (r *room) off(disk int) bool { return errors.Is(r.disks()[disk].Writable(), durabletest.ErrOff) }

// A store's trouble is one warning, which comes after its delay and goes by itself. The status
// light shows it, and recording goes on.
func TestAStoreInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.withStores(2)
		r.boot()
		r.phase("idle", time.Second)
		r.sticks["stick-1"].Full(100)
		r.press("room")
		r.phase("recording", time.Second)
		pause(10 * time.Second)
		if got := r.warnings(); len(got) != 1 || got[0] != "store-full" {
			t.Errorf("warnings %v", got)
		}
		if g := r.front.State().StatusLight; g != "pulse" {
			t.Errorf("the status light is %s", g)
		}
		s := r.d.Status()
		if s.Phase != "recording" || s.Pending != 1 || s.Stores[0].State != "ok" || s.Stores[1].State != "full" {
			t.Errorf("%+v", s)
		}
		r.press("room")
		pause(time.Minute)
		if n := len(r.reports()); n != 1 {
			t.Errorf("%d recordings on the spool while one store lacks it", n)
		}
		r.sticks["stick-1"].Mend()
		pause(6 * time.Minute)
		if got := r.warnings(); len(got) != 0 || len(r.reports()) != 0 {
			t.Errorf("warnings %v, %d recordings on the spool", got, len(r.reports()))
		}
		if err := r.halt(); err != nil {
			t.Error(err)
		}
	})
}

// A store that hangs delays neither a recording nor the stop.
func TestAStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.withStores(2)
		release := r.sticks["stick-0"].Hang()
		r.boot()
		r.phase("idle", time.Second)
		r.recordsAgain()
		pause(time.Minute)
		if got := r.warnings(); len(got) != 1 || got[0] != "store-hung" {
			t.Errorf("warnings %v", got)
		}
		r.recordsAgain()
		began := time.Now()
		if err := r.halt(); err != nil {
			t.Error(err)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("the stop took %s", d)
		}
		release()
	})
}
