package demotest

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
)

// Settings are what a test changes. The zero value is a unit with a patient's and a clinician's
// button that records WAV; the ALSA device must be named.
type Settings struct {
	Device  string
	Codec   string   // default: wav
	Rate    int      // default: 48000
	Parties []string // default: patient, clinician
	Reserve string   // default: 1m
	Spool   string   // default: a folder of the test's
	Stores  string   // the config's [[store]] sections
}

// Unit is what survives a unit's process, and the office that can open its recordings.
type Unit struct {
	Config  string // file
	Dir     string // -dir
	Spool   string
	Temp    string // TMPDIR of every program
	Key     string // the office's identity file, which no unit has
	Office  age.Identity
	Parties []string
	Through []string // a program that runs it, and its arguments
}

const config = `
[room]
site = "high-street"
id   = "room-3"
name = "Consulting room 3"
%s
[light]
line  = "GPIO27"
sense = "GPIO22"
[status_light]
line = "GPIO23"
[audio]
device  = %q
codec   = %q
rate    = %d
[encrypt]
recipients = [%q]
[spool]
path    = %q
reserve = %q
`

// NewUnit makes a unit in temporary folders of the test.
func NewUnit(t testing.TB, s Settings) *Unit {
	t.Helper()
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	u := &Unit{Config: at("unit.toml"), Dir: at("unit"), Spool: cmp.Or(s.Spool, at("spool")), Temp: at("tmp"),
		Key: at("office.key"), Parties: s.Parties}
	if u.Parties == nil {
		u.Parties = []string{"patient", "clinician"}
	}
	office, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	u.Office = office
	var buttons strings.Builder
	for i, party := range u.Parties {
		fmt.Fprintf(&buttons, "[[button]]\nparty = %q\nline = \"GPIO%d\"\n", party, 5+i)
	}
	text := fmt.Sprintf(config, buttons.String(), s.Device, cmp.Or(s.Codec, "wav"), cmp.Or(s.Rate, 48000),
		office.Recipient(), u.Spool, cmp.Or(s.Reserve, "1m"))
	write(t, u.Config, text+s.Stores)
	write(t, u.Key, office.String()+"\n")
	for _, dir := range []string{u.Dir, u.Spool, u.Temp} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return u
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Path returns the path of a recording in the spool.
func (u *Unit) Path(recording string) string { return filepath.Join(u.Spool, recording) }
