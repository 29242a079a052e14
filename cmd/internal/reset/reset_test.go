//go:build unix

package reset

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
)

// unit is a unit that has recorded, with secrets in every place that can hold them.
type unit struct {
	Unit
	t      *testing.T
	dir    string
	public string
	ids    map[string]string // by what became of the recording
	said   []string
}

const secret = "hunter2, or another secret"

// began is the start of all its recordings.
var began = time.Date(2026, 11, 21, 14, 3, 22, 0, time.UTC)

// newUnit returns a unit with these recordings. Each names the stores that have a copy, such as
// "drive nas".
func newUnit(t *testing.T, recordings ...string) *unit {
	t.Helper()
	dir := t.TempDir()
	u := &unit{t: t, dir: dir, ids: map[string]string{}}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, d := range []string{"state/spool", "etc"} {
		u.must(os.MkdirAll(at(d), 0o700))
	}
	private, public, err := recording.NewUnitKey("high-street", "room-3")
	u.must(err)
	u.public = public
	for name, text := range map[string]string{
		"state/unit.key": private + "\n" + public + "\n", "state/mqtt.last": secret, "state/recipients.signed": "[]",
		"etc/tacet.toml": "[room]\n", "etc/mqtt_password": secret, "etc/sftp_key": secret, "etc/s3_access": secret,
		"etc/s3_secret":  secret,
		"etc/client.key": secret, "etc/smb": secret, "etc/practice.pub": "age1\n",
	} {
		u.must(os.WriteFile(at(name), []byte(text), 0o600))
	}
	u.Unit = Unit{Config: at("etc/tacet.toml"), State: at("state"), Etc: at("etc"), Version: "1.0",
		Tell: func(format string, args ...any) { u.said = append(u.said, fmt.Sprintf(format, args...)) }}
	u.Cfg = &config.Config{
		Room: config.Room{Site: "high-street", ID: "room-3"}, Unit: config.Unit{Key: at("state/unit.key")},
		Spool: config.Spool{Path: at("state/spool"), Release: config.All},
		Stores: []config.Store{{Name: "drive", Kind: config.Drive},
			{Name: "nas", Kind: config.SFTP, Key: at("etc/sftp_key")}},
		MQTT: &config.MQTT{PasswordFile: at("etc/mqtt_password"), ClientKey: at("etc/client.key")},
	}
	signer, err := note.NewSigner(private)
	u.must(err)
	root, err := os.OpenRoot(u.State)
	u.must(err)
	defer root.Close()
	l, err := ledger.Open(durable.OS(root), "ledger", "tacet/high-street/room-3/ledger", signer, true)
	u.must(err)
	for _, r := range recordings {
		id := recording.NewID()
		u.ids[r] = id
		name := at("state/spool/" + recording.Name(began, "room-3", id))
		u.must(os.WriteFile(name, []byte("sealed"), 0o400))
		if r == "unfinished" {
			u.must(os.Chmod(name, 0o600))
		}
		if r == "damaged" {
			u.must(os.Rename(name, name+".damaged"))
		}
		for _, store := range strings.Fields(r) {
			switch gone, was := strings.CutPrefix(store, "-"); {
			case was:
				u.must(l.Append(ledger.Entry{Type: ledger.Erased, Time: began, ID: id, Store: gone}))
			case store == "drive" || store == "nas":
				u.must(l.Append(ledger.Entry{Type: ledger.Copied, Time: began, ID: id, Store: store}))
			}
		}
	}
	u.must(l.Close())
	return u
}

func (u *unit) must(err error) {
	u.t.Helper()
	if err != nil {
		u.t.Fatal(err)
	}
}

// files returns every file, with its content and mode.
func (u *unit) files() map[string]string {
	all := map[string]string{}
	u.must(filepath.WalkDir(u.dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		rel, _ := filepath.Rel(u.dir, name)
		all[rel] = fmt.Sprint(info.Mode(), " ", info.ModTime(), " ", string(data))
		return err
	}))
	return all
}

// gone checks that only the ledger is left, and that it has its last entry and verifies.
func (u *unit) gone(entries ...string) {
	u.t.Helper()
	left := u.files()
	folder := "state/" + archive(u.public)
	if got, want := slices.Sorted(maps.Keys(left)),
		[]string{folder + "/ledger", folder + "/ledger.head", folder + "/unit.vkey"}; !slices.Equal(got, want) {
		u.t.Errorf("there are %q, want %q", got, want)
	}
	for name, text := range left {
		if strings.Contains(text, secret) || strings.Contains(text, "PRIVATE") {
			u.t.Errorf("a secret is in %s", name)
		}
	}
	head, err := os.ReadFile(filepath.Join(u.dir, folder, "ledger.head"))
	u.must(err)
	v, err := note.NewVerifier(u.public)
	u.must(err)
	if _, err := note.Open(head, note.VerifierList(v)); err != nil {
		u.t.Errorf("the head is not the unit's: %v", err)
	}
	root, err := os.OpenRoot(filepath.Join(u.dir, folder))
	u.must(err)
	defer root.Close()
	var got []string
	u.must(ledger.Peek(durable.OS(root), "ledger",
		func(e ledger.Entry) { got = append(got, strings.TrimSpace(e.Type+" "+e.ID)) }))
	if n := len(got) - len(entries); n < 0 || !slices.Equal(got[n:], entries) {
		u.t.Errorf("the ledger ends with %q, want %q", got, entries)
	}
	if size := strings.Split(string(head), "\n")[1]; size != fmt.Sprint(len(got)) {
		u.t.Errorf("the head is of %s entries, and there are %d", size, len(got))
	}
}

func TestReset(t *testing.T) {
	u := newUnit(t, "drive nas", "drive nas -drive")
	u.must(u.Reset())
	said := strings.Join(u.said, "\n")
	for _, want := range []string{"removed 2 recordings that the stores have", "destroyed " + u.Cfg.Unit.Key,
		"destroyed " + u.Etc + "/s3_secret",
		"destroyed " + u.Etc + "/smb", "ended the ledger with a signed entry", "flash may still hold"} {
		if !strings.Contains(said, want) {
			t.Errorf("it doesn't say %q: %s", want, said)
		}
	}
	if len(u.ids) != 2 {
		t.Fatal("not two recordings")
	}
	released := []string{"released " + u.ids["drive nas"], "released " + u.ids["drive nas -drive"]}
	slices.Sort(released)
	u.gone(append(released, "reset")...)
}

// If the stores lack a recording, Reset changes nothing.
func TestResetSparesRecordings(t *testing.T) {
	for _, r := range []string{"", "drive", "drive nas -drive -nas", "unfinished", "damaged"} {
		t.Run(r, func(t *testing.T) {
			u := newUnit(t, r)
			before := u.files()
			var left *LeftError
			if err := u.Reset(); !errors.As(err, &left) || len(left.Names) != 1 || !strings.Contains(left.Names[0], u.ids[r]) {
				t.Fatalf("%v", err)
			}
			if after := u.files(); !maps.Equal(before, after) {
				t.Errorf("before\n%v\nafter\n%v", before, after)
			}
			u.Force = true
			u.must(u.Reset())
			if r == "damaged" {
				u.gone("reset")
			} else {
				u.gone("erased "+u.ids[r], "reset")
			}
			if !strings.Contains(strings.Join(u.said, "\n"), "which was not in all stores") {
				t.Errorf("it says %q", u.said)
			}
		})
	}
}

// With release = "any" one store is enough; without stores, a recording is never safe.
func TestResetAsReleaseSays(t *testing.T) {
	u := newUnit(t, "drive")
	u.Cfg.Spool.Release = config.Any
	u.must(u.Reset())
	u.gone("released "+u.ids["drive"], "reset")
	u = newUnit(t, "drive nas")
	u.Cfg.Stores = nil
	if err := u.Reset(); !errors.As(err, new(*LeftError)) {
		t.Errorf("without stores: %v", err)
	}
}

// A running daemon holds the lock on the spool.
func TestResetOfARunningUnit(t *testing.T) {
	u := newUnit(t, "drive nas")
	lock, err := spool.Lock(u.Cfg.Spool.Path)
	u.must(err)
	defer lock.Close()
	before := u.files()
	for _, u.Force = range []bool{false, true} {
		if err := u.Reset(); err == nil || !strings.Contains(err.Error(), "in use by") {
			t.Errorf("%v", err)
		}
	}
	if after := u.files(); !maps.Equal(before, after) {
		t.Errorf("before\n%v\nafter\n%v", before, after)
	}
}

// The power fails after each reported step in turn. The next run finishes with the same result.
func TestResetCut(t *testing.T) {
	for n := 1; ; n++ {
		u := newUnit(t, "drive nas")
		type cut struct{}
		tell := u.Tell
		u.Tell = func(format string, args ...any) {
			tell(format, args...)
			if len(u.said) == n {
				panic(cut{})
			}
		}
		whole := func() (whole bool) {
			defer func() {
				if r := recover(); r != nil && r != any(cut{}) {
					panic(r)
				}
			}()
			u.must(u.Reset())
			return true
		}()
		if whole {
			if n < 10 {
				t.Errorf("only %d things are said", n)
			}
			return
		}
		u.Tell = tell
		if _, err := os.Stat(u.Config); err == nil {
			u.must(u.Reset())
		}
		u.gone("reset")
		if t.Failed() {
			t.Fatalf("cut after %d: %q", n, u.said)
		}
	}
}

// If the spool is missing, its disk may not be mounted.
func TestResetWithoutItsSpool(t *testing.T) {
	u := newUnit(t)
	u.must(os.Remove(u.Cfg.Spool.Path))
	if err := u.Reset(); err == nil {
		t.Error("it was reset, and nobody knows what is on its spool")
	}
	u.Force = true
	u.must(u.Reset())
	u.gone("reset")
}
