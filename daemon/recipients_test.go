package daemon_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// entries returns the ledger's entries of one type.
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

// sealed returns the recipients of the last recording.
func (r *room) sealed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sealedTo[len(r.sealedTo)-1]
}

// Without its ledger the unit trusts nobody: no recipient and no drive gets anything, and nothing
// is recorded. What was confirmed for the old ledger does not count. Then somebody confirms.
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
				r, s, first := trustedDrive(t)
				before := confirmationOf(r.d.Status())
				before.Drives = []trust.UnknownDrive{{Store: "drive", Drive: first.mark.ID, UUID: first.uuid}}
				s.plug(nil)
				r.consults()
				if err := r.halt(); err != nil {
					t.Fatal(err)
				}
				remove(r)
				s.plug(first)
				r.say(before) // it still lies there
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
				if p := r.sees(); p != "fault" || len(r.reports()) != 1 || first.copies(t) != 1 {
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

// A new recipient gets nothing until somebody confirms. A removed one gets nothing at once, and
// comes back only if confirmed. The order does not matter. If none is trusted, nothing is recorded.
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
				if p := r.sees(); p != "fault" || len(r.reports()) != before {
					t.Errorf("%s: phase %s", what, p)
				}
				return
			}
			r.consults()
			if got := r.sealed(); !slices.Equal(got, want) {
				t.Errorf("%s: it was sealed to %q, want %q", what, got, want)
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
			t.Errorf("after the confirmation it was sealed to %q", got)
		}
		life("confirmed", []string{c, a, b}, []string{c, a, b})
		life("removed", []string{c, b}, []string{c, b})
		life("added again: the confirmation was used", []string{a, b, c}, []string{b, c}, "recipients-changed")
		life("all others", []string{"age1x", "age1y"}, nil, "recipients-bad", "recipients-changed")
		life("as before", []string{b, c}, []string{b, c})
		r.finish()
	})
}

// A unit from before there was trust trusts what is there at the first start of this version. If
// its ledger was removed, it trusts nobody.
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
					if p := r.sees(); p != "fault" || drive.copies(t) != 0 {
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

// olderLedger makes a ledger like those of earlier versions.
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
