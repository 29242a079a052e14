package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/config"
	"tacet/config/office"
	"tacet/daemon"
	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

// slot is a place for a thumb drive, as local.Drive sees one: a drive with the store's mark in it
// is judged before it is used.
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

// plug puts a drive in, or with nil takes it out.
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
	judge daemon.DriveJudge
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

// driveRoom is a room with one thumb drive.
func driveRoom(t *testing.T) (*room, *slot) {
	r := newRoom(t, "room")
	s := &slot{changed: make(chan struct{}, 1)}
	r.cfg.Stores = []config.Store{{Name: "drive", Kind: config.Drive}}
	r.cfg.Spool.Release = "all"
	r.slots = map[string]*slot{"drive": s}
	return r, s
}

var thumbs uint64

// newThumb is a drive with this mark, on a file system of its own.
func newThumb(m mark.Mark, uuid string) *thumb {
	thumbs++
	return &thumb{durabletest.NewDisk(100 + thumbs), m, uuid}
}

// marked is a drive with the room's mark, as anybody can write it.
func marked(t *testing.T, uuid string) *thumb {
	m, err := mark.New("high-street", "room-3", "drive")
	if err != nil {
		t.Fatal(err)
	}
	return newThumb(m, uuid)
}

// copies are how many recordings lie on a drive.
func (d *thumb) copies(t *testing.T) int { return recordingsOn(t, d.Disk) }

// recordingsOn are how many recordings lie on a disk; they may be going.
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

// untouched wants nothing to have been written to a drive, a warning up, and the only copy still
// here.
func (r *room) untouched(d *thumb, code string, kept int) {
	r.Helper()
	pause(11 * time.Minute) // longer than any pause between two tries
	if entries, err := d.ReadDir("."); err != nil || len(entries) != 0 {
		r.Errorf("%d files are on a drive that nobody vouches for, %v", len(entries), err)
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

// arrives wants all recordings to be on a drive, and none left on the unit.
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

// entries are the ledger's, of one type.
func (r *room) entries(kind string) (all []ledger.Entry) {
	r.Helper()
	data, err := durable.ReadFile(r.own, "ledger", 1<<20)
	if err != nil {
		r.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		if e, ok := parseEntry(line); ok && e.Type == kind {
			all = append(all, e)
		}
	}
	return all
}

// confirmed is what somebody has confirmed.
func (r *room) confirmed() (*daemon.Confirmation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.word, nil
}

// confirm is what "tacetd confirm" does with what the unit says.
func (r *room) confirm() {
	s := r.d.Status()
	r.say(confirmationOf(s))
	pause(6 * time.Second)
}

func (r *room) say(c *daemon.Confirmation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.word = c
}

var confirmations int

func confirmationOf(s daemon.Status) *daemon.Confirmation {
	confirmations++
	c := &daemon.Confirmation{
		Format: daemon.ConfirmationFormat, ID: fmt.Sprint("c", confirmations), Unit: s.UnitKey, Ledger: s.Unconfirmed.Ledger,
		Recipients: slices.Clone(s.Unconfirmed.Trusted), Drives: s.Unconfirmed.Drives,
	}
	for _, r := range s.Unconfirmed.Added {
		c.Recipients = append(c.Recipients, recording.Fingerprint(r))
	}
	return c
}

// sealed are those whom the last recording went to.
func (r *room) sealed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sealedTo[len(r.sealedTo)-1]
}

// Without an office the first drive is trusted once. Any other gets nothing, until somebody
// confirms it: a planted one, one with a copied mark, one that comes in the place of the first;
// also after a start, and while a recording runs.
func TestUnknownDriveGetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := driveRoom(t)
		first := marked(t, "1234-ABCD")
		s.plug(first)
		r.boot()
		r.phase("idle", time.Second)
		r.consults()
		r.arrives(first, 1)
		planted := marked(t, "5678-ABCD")
		cloned := newThumb(first.mark, "9ABC-ABCD")
		nameless := newThumb(first.mark, "")
		for i, d := range []*thumb{planted, cloned, nameless} {
			s.plug(d)
			r.consults()
			r.untouched(d, "drive-new", i+1)
		}
		// Swapped while a recording runs, and back.
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
			t.Errorf("when it was confirmed: %v", w)
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

// The trust of the first start ends: with the next one, and after an hour.
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

// Within the first start a drive may come later; it is one for each store.
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

// A ledger that was removed brings no trust: nobody gets anything, neither a recipient nor a drive
// that was known, and nothing is recorded. What was confirmed for the ledger before doesn't count.
// Then somebody confirms.
func TestLedgerAnewBringsNoTrust(t *testing.T) {
	for how, remove := range map[string]func(r *room){
		"removed": func(r *room) { r.own.Remove("ledger"); r.own.Remove("ledger.head") },
		"broken": func(r *room) {
			if err := durable.WriteFile(r.own, "ledger", []byte("{}\n")); err != nil {
				r.Fatal(err)
			}
		},
	} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := driveRoom(t)
				first := marked(t, "1234-ABCD")
				s.plug(first)
				r.boot()
				r.phase("idle", time.Second)
				r.consults()
				r.arrives(first, 1)
				before := confirmationOf(r.d.Status())
				before.Drives = []daemon.UnknownDrive{{Store: "drive", Drive: first.mark.ID, UUID: first.uuid}}
				s.plug(nil)
				r.consults()
				if err := r.halt(); err != nil {
					t.Fatal(err)
				}
				remove(r)
				s.plug(first)
				r.say(before) // as it lay there
				r.boot()
				pause(time.Minute)
				r.press("room")
				pause(5 * time.Second)
				w := r.warnings()
				for _, want := range []string{"recipients-bad", "recipients-changed", "drive-new"} {
					if !slices.Contains(w, want) {
						t.Errorf("warnings %v, want %s", w, want)
					}
				}
				if p := r.d.Status().Phase; p != "fault" || len(r.reports()) != 1 || first.copies(t) != 1 {
					t.Errorf("phase %s, %d recordings here, %d on the drive", p, len(r.reports()), first.copies(t))
				}
				r.confirm()
				r.phase("idle", 20*time.Second)
				r.arrives(first, 2)
				r.consults()
				r.arrives(first, 3)
				r.finish()
			})
		})
	}
}

// A recipient that is added gets nothing before somebody confirms; one that is removed goes at
// once, and comes back only confirmed; in another order they are the same. If none is left that is
// trusted nothing is recorded.
func TestChangedRecipients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		life := func(what string, configured, want []string, warnings ...string) {
			t.Helper()
			if r.d != nil {
				if err := r.halt(); err != nil {
					t.Fatal(err)
				}
			}
			cfg := *r.cfg
			cfg.Encrypt.Recipients = configured
			r.cfg = &cfg
			r.boot()
			pause(20 * time.Second)
			if w := r.warnings(); !slices.Equal(w, warnings) {
				t.Errorf("%s: warnings %v, want %v", what, w, warnings)
			}
			before := len(r.reports())
			if want == nil {
				r.press("room")
				pause(5 * time.Second)
				if p := r.d.Status().Phase; p != "fault" || len(r.reports()) != before {
					t.Errorf("%s: phase %s", what, p)
				}
				return
			}
			r.consults()
			if got := r.sealed(); !slices.Equal(got, want) {
				t.Errorf("%s: it went to %q, want %q", what, got, want)
			}
			reps := r.reports()
			head := reps[len(reps)-1].Head.Recipients
			for i, w := range want {
				if i >= len(head) || head[i] != recording.Fingerprint(w) {
					t.Errorf("%s: recording.json names %q", what, head)
				}
			}
		}
		a, b, c := "age1a", "age1b", "age1c"
		life("at first", []string{a, b}, []string{a, b})
		life("reordered", []string{b, a}, []string{b, a})
		life("added", []string{c, a, b}, []string{a, b}, "recipients-changed")
		if u := r.d.Status().Unconfirmed; !slices.Equal(u.Added, []string{c}) || len(u.Trusted) != 2 {
			t.Errorf("to be confirmed: %+v", u)
		}
		life("still there", []string{c, a, b}, []string{a, b}, "recipients-changed")
		r.confirm()
		r.until("end of the warning", time.Minute, func() bool { return len(r.warnings()) == 0 })
		r.consults()
		if got := r.sealed(); !slices.Equal(got, []string{c, a, b}) {
			t.Errorf("after the confirmation it went to %q", got)
		}
		life("confirmed", []string{c, a, b}, []string{c, a, b})
		life("removed", []string{c, b}, []string{c, b})
		life("added again: the confirmation was used", []string{a, b, c}, []string{b, c}, "recipients-changed")
		life("all others", []string{"age1x", "age1y"}, nil, "recipients-bad", "recipients-changed")
		life("as before", []string{b, c}, []string{b, c})
		r.finish()
	})
}

// signer is an office.
func signer(t *testing.T) (string, office.Signer) {
	t.Helper()
	private, public, err := office.NewKey("high-street")
	if err != nil {
		t.Fatal(err)
	}
	s, err := office.ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return public, s
}

// With an office its drives are taken at once, whenever they come, and no other: nor at the first
// start, nor confirmed.
func TestOfficeDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, s := signer(t)
		_, other := signer(t)
		signed := func(uuid string, s office.Signer) *thumb {
			m, err := mark.NewSigned("high-street", "*", "drive", uuid, s)
			if err != nil {
				t.Fatal(err)
			}
			return newThumb(m, uuid)
		}
		r, slot := driveRoom(t)
		r.cfg.Office = &config.Office{Key: key}
		first := signed("1234-ABCD", s)
		unsigned, foreign := marked(t, "5678-ABCD"), signed("5678-ABCE", other)
		cloned, nameless := newThumb(first.mark, "5678-ABCF"), newThumb(first.mark, "")
		slot.plug(unsigned)
		r.boot()
		r.phase("idle", time.Second)
		kept := 0
		for _, d := range []*thumb{unsigned, foreign, cloned, nameless} {
			slot.plug(d)
			r.consults()
			kept++
			r.untouched(d, "store-foreign", kept)
			r.confirm()
			r.untouched(d, "store-foreign", kept)
		}
		slot.plug(first)
		r.arrives(first, kept)
		second := signed("9ABC-ABCD", s) // bought yesterday
		slot.plug(second)
		r.consults()
		r.arrives(second, 1)
		if n := len(r.entries(ledger.Drive)); n != 2 {
			t.Errorf("%d drives are in the ledger", n)
		}
		// Without the ledger the office's word is as good as before.
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		r.own.Remove("ledger")
		r.own.Remove("ledger.head")
		r.boot()
		r.phase("idle", time.Second)
		r.consults()
		r.arrives(second, 2)
		// And when the office is taken out of the configuration, nobody is trusted on first use.
		slot.plug(unsigned)
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		cfg := *r.cfg
		cfg.Office = nil
		cfg.Encrypt.Recipients = append([]string{"age1planted"}, cfg.Encrypt.Recipients...)
		r.cfg = &cfg
		r.boot()
		r.phase("idle", time.Second)
		r.consults()
		r.untouched(unsigned, "drive-new", 1)
		if got := r.sealed(); slices.Contains(got, "age1planted") || len(got) != 2 {
			t.Errorf("it went to %q", got)
		}
		r.finish()
	})
}

// Of recipients that the office didn't sign the unit says so, and goes on with the last good ones.
func TestOfficeRecipients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key, _ := signer(t)
		r := newRoom(t, "room")
		r.cfg.Office = &config.Office{Key: key,
			Refused: []config.Problem{{File: "tacet.toml", Line: 3, Key: "encrypt.recipients", What: "was changed"}}}
		r.boot()
		r.warned("recipients-changed", 20*time.Second)
		if m := r.d.Status().Warnings[0].Message(); !strings.Contains(m, "tacet.toml:3: encrypt.recipients: was changed") {
			t.Error(m)
		}
		r.consults()
		if got := r.sealed(); !slices.Equal(got, r.cfg.Encrypt.Recipients) {
			t.Errorf("it went to %q", got)
		}
		// Another signed list counts at once, also with a recipient more.
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		cfg := *r.cfg
		cfg.Office = &config.Office{Key: key}
		cfg.Encrypt.Recipients = []string{"age1new", "age1office"}
		r.cfg = &cfg
		r.boot()
		r.phase("idle", time.Second)
		pause(20 * time.Second)
		r.consults()
		if got := r.sealed(); !slices.Equal(got, cfg.Encrypt.Recipients) || len(r.warnings()) > 0 {
			t.Errorf("it went to %q, with %v", got, r.warnings())
		}
		r.finish()
	})
}

// A unit that is from before all this trusts what is there at the start of this version, once; one
// whose ledger had been removed then trusts nobody.
func TestOlderUnit(t *testing.T) {
	for how, gone := range map[string]bool{"whole": false, "without its ledger": true} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := driveRoom(t)
				skey, vkey, err := recording.NewUnitKey("high-street", "room-3")
				if err != nil {
					t.Fatal(err)
				}
				if err := durable.WriteFile(r.own, "unit.key", []byte(skey+"\n"+vkey+"\n")); err != nil {
					t.Fatal(err)
				}
				if !gone {
					r.olderLedger(skey)
				}
				drive := marked(t, "1234-ABCD")
				s.plug(drive)
				r.boot()
				if gone {
					r.warned("recipients-bad", 20*time.Second)
					pause(time.Minute)
					if p := r.d.Status().Phase; p != "fault" || drive.copies(t) != 0 {
						t.Errorf("phase %s, %d copies", p, drive.copies(t))
					}
					r.finish()
					return
				}
				r.phase("idle", 2*time.Second)
				r.consults()
				r.arrives(drive, 1)
				pause(20 * time.Second)
				if w := r.warnings(); len(w) > 0 {
					t.Errorf("warnings %v", w)
				}
				r.finish()
			})
		})
	}
}

// olderLedger makes one as earlier versions wrote it.
func (r *room) olderLedger(skey string) {
	r.Helper()
	unit, err := note.NewSigner(skey)
	if err != nil {
		r.Fatal(err)
	}
	l, err := ledger.Open(r.own, "ledger", "tacet/high-street/room-3/ledger", unit, true)
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range []ledger.Entry{
		{Type: ledger.Boot, Time: time.Now(), Boot: "old"},
		{Type: ledger.Config, Time: time.Now(), Config: "c0ffee", Recipients: []string{"x"}},
	} {
		if err := l.Append(e); err != nil {
			r.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		r.Fatal(err)
	}
}

func parseEntry(line string) (e ledger.Entry, ok bool) {
	err := json.Unmarshal([]byte(line), &e)
	return e, err == nil
}

// What is trusted is entered again before its entries are so old that they go.
func TestTrustIsRenewed(t *testing.T) {
	defer daemon.RenewAfter(6)()
	synctest.Test(t, func(t *testing.T) {
		r, s := driveRoom(t)
		first := marked(t, "1234-ABCD")
		s.plug(first)
		for range 8 {
			r.boot()
			r.phase("idle", time.Second)
			pause(20 * time.Second)
			if w := r.warnings(); len(w) > 0 {
				t.Errorf("warnings %v", w)
			}
			if err := r.halt(); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{ledger.Drive, ledger.Recipients} {
			var by []string
			for _, e := range r.entries(kind) {
				by = append(by, e.By)
			}
			if len(by) < 2 || len(by) > 5 || by[0] != ledger.FirstUse || by[1] != ledger.Renewed {
				t.Errorf("%s: %q", kind, by)
			}
		}
	})
}

// A drive that was turned away and pulled out is not confirmed along with the one that lies there.
func TestOnlyWhatIsThereIsConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := driveRoom(t)
		r.boot()
		r.phase("idle", time.Second)
		pause(2 * time.Hour)
		planted, own := marked(t, "5678-ABCD"), marked(t, "1234-ABCD")
		s.plug(planted)
		r.warned("drive-new", time.Minute)
		pause(time.Hour)
		if u := r.d.Status().Unconfirmed.Drives; len(u) != 1 {
			t.Errorf("while it is there: %+v", u)
		}
		s.plug(nil)
		pause(10 * time.Minute)
		s.plug(own)
		r.warned("drive-new", time.Minute)
		if u := r.d.Status().Unconfirmed.Drives; len(u) != 1 || u[0].Drive != own.mark.ID {
			t.Errorf("to be confirmed: %+v", u)
		}
		r.confirm()
		s.plug(planted)
		r.consults()
		r.untouched(planted, "drive-new", 1)
		s.plug(own)
		r.arrives(own, 1)
		r.finish()
	})
}
