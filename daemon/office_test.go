package daemon_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/config/office"
	"tacet/config/office/officetest"
	"tacet/daemon/ledger"
	"tacet/daemon/store/local/mark"
)

// With an office its drives are accepted at once, whenever they come, and no others: not at the
// first start, and not if confirmed.
func TestOfficeDrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _, key := officetest.New(t, "high-street")
		other, _, _ := officetest.New(t, "high-street")
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
		// Without the ledger the office's signature is as good as before.
		if err := r.halt(); err != nil {
			t.Fatal(err)
		}
		r.own.Remove("ledger")
		r.own.Remove("ledger.head")
		r.boot()
		r.phase("idle", time.Second)
		r.consults()
		r.arrives(second, 2)
		// If the office is removed from the configuration, nobody is trusted on first use.
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
			t.Errorf("it was sealed to %q", got)
		}
		r.finish()
	})
}

// Recipients that the office did not sign raise a warning, and the last good ones stay.
func TestOfficeRecipients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, _, key := officetest.New(t, "high-street")
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
			t.Errorf("it was sealed to %q", got)
		}
		// Another signed list counts at once, also with more recipients.
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
			t.Errorf("it was sealed to %q, with %v", got, r.warnings())
		}
		r.finish()
	})
}
