package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	word "tacet/config/office"
	"tacet/config/office/officetest"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// newRecipient returns a new classic recipient.
func newRecipient(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

// nameRecipients writes a configuration with these recipients and these further lines.
func (u *unit) nameRecipients(recipients, lines string) {
	u.t.Helper()
	u.configure("Consulting room")
	data, err := os.ReadFile(u.config)
	if err != nil {
		u.t.Fatal(err)
	}
	u.write(strings.Replace(string(data), `["`+u.recipient+`"]`, recipients, 1) + lines)
}

// confirms runs the command with typed as its input.
func (u *unit) confirms(typed string) (output string, err error) {
	u.t.Helper()
	var out, errs strings.Builder
	env := &cli.Env{Name: "tacetd", Ctx: context.Background(), Stdin: strings.NewReader(typed), Stdout: &out,
		Stderr: &errs}
	err = confirm(env, []string{"-config", u.config, "-state", u.state, "-run", u.run, "-confirmed", u.confirmed})
	return out.String() + errs.String(), err
}

func warns(r *report, code string) bool {
	return slices.ContainsFunc(r.Warnings, func(w warning) bool { return w.Code == code })
}

// A new recipient gets nothing until somebody has seen who it is and typed the room's id.
func TestConfirm(t *testing.T) {
	u := newUnit(t)
	u.confirmed, u.owner = filepath.Join(t.TempDir(), "confirmed"), os.Geteuid()
	u.device = "null"
	u.configure("Consulting room")
	u.start()
	u.says(isIdle)
	u.says(func(r *report) bool { return r.UnitKey != "" })
	if output, err := u.confirms("room-3\n"); err != nil || !strings.Contains(output, "nothing is new") {
		t.Errorf("with nothing new: %s, %v", output, err)
	}
	added := newRecipient(t)
	u.nameRecipients(`["`+u.recipient+`", "`+added+`"]`, "")
	u.reload()
	u.says(func(r *report) bool { return warns(r, "recipients-changed") && r.Unconfirmed != nil })
	for _, typed := range []string{"room-4\n", "\n", "", "yes\n", strings.Repeat("x", 1000)} {
		output, err := u.confirms(typed)
		if err == nil || !strings.Contains(err.Error(), "not this room's id") {
			t.Errorf("%q confirms: %v", typed, err)
		}
		for _, want := range []string{"NEW        recipient " + added[:12], recording.Fingerprint(added),
			"as before  recipient, fingerprint " + recording.Fingerprint(u.recipient)} {
			if !strings.Contains(output, want) {
				t.Errorf("no %[2]q in\n%[1]s", output, want)
			}
		}
		if _, err := os.Stat(u.confirmed); err == nil {
			t.Fatal("it was written anyway")
		}
	}
	if output, err := u.confirms("room-3"); err != nil || !strings.Contains(output, "confirmed;") {
		t.Fatalf("%s, %v", output, err)
	}
	u.says(func(r *report) bool { return !warns(r, "recipients-changed") && r.Unconfirmed == nil })
	info, err := os.Stat(u.confirmed)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file is %v, %v", info, err)
	}
	u.stop()
	if err := u.end(); err != nil {
		t.Error(err)
	}
	if _, err := u.confirms("room-3\n"); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("without a daemon: %v", err)
	}
}

// A confirmation by anybody but root, or one that others could change, doesn't count.
func TestReadConfirmation(t *testing.T) {
	us := os.Geteuid()
	dir := t.TempDir()
	good := confirmation{Format: trust.ConfirmationFormat, ID: "x", Unit: "u", Ledger: "l",
		Recipients: []string{strings.Repeat("0a", 16)},
		Drives:     []trust.UnknownDrive{{Store: "drive", Drive: "ABC", UUID: "1234-ABCD"}}}
	path := filepath.Join(dir, "confirmed")
	if err := good.write(path); err != nil {
		t.Fatal(err)
	}
	if c, err := trust.ReadConfirmation(path, us); err != nil || c == nil || c.Drives[0].UUID != "1234-ABCD" {
		t.Fatalf("%+v, %v", c, err)
	}
	if c, err := trust.ReadConfirmation(filepath.Join(dir, "none"), us); c != nil || err != nil {
		t.Errorf("without a file: %+v, %v", c, err)
	}
	if c, err := trust.ReadConfirmation(path, us+1); c != nil || err == nil {
		t.Errorf("of another user: %+v, %v", c, err)
	}
	for _, mode := range []os.FileMode{0o666, 0o664, 0o646} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if c, err := trust.ReadConfirmation(path, us); c != nil || err == nil {
			t.Errorf("that others may write (%v): %+v, %v", mode, c, err)
		}
	}
	if err := os.Symlink(path, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*confirmation){
		"of another format": func(c *confirmation) { c.Format = "tacet-confirmed/2" },
		"without an ID":     func(c *confirmation) { c.ID = "" },
		"for nobody":        func(c *confirmation) { c.Recipients = nil },
		"for a key":         func(c *confirmation) { c.Recipients = []string{"age1x"} },
		"without a store":   func(c *confirmation) { c.Drives = []trust.UnknownDrive{{Drive: "ABC"}} },
		"of a hostile name": func(c *confirmation) { c.Drives = []trust.UnknownDrive{{Store: "a\nb", Drive: "ABC"}} },
		"of too many":       func(c *confirmation) { c.Recipients = slices.Repeat(c.Recipients, 65) },
		"too long":          func(c *confirmation) { c.Time = strings.Repeat("x", 1<<16) },
	} {
		bad := good
		change(&bad)
		data, err := json.Marshal(bad)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "bad"), data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if c, err := trust.ReadConfirmation(filepath.Join(dir, "bad"), us); c != nil || err == nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
	for _, name := range []string{"link", "."} {
		if c, err := trust.ReadConfirmation(filepath.Join(dir, name), us); c != nil || err == nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// The unit keeps the last signed recipients when the office has not signed the list. Without any
// signed ones it can't start.
func TestLastSignedRecipients(t *testing.T) {
	u := newUnit(t)
	u.device = "null"
	signer, _, public := officetest.New(t, "site")
	dir := filepath.Dir(u.config)
	put := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sign := func(keys ...string) []byte {
		t.Helper()
		list, err := word.SignList([]byte(strings.Join(keys, "\n")+"\n"), signer)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	put("office.vkey", []byte(public+"\n"))
	u.nameRecipients(`["practice.pub"]`, "[office]\nkey = \"office.vkey\"\n")
	added := newRecipient(t)
	put("practice.pub", []byte(u.recipient+"\n"))
	_, err := load(u.config, u.state, u.warn)
	if cli.Code(err) != cli.ExitConfig || !strings.Contains(err.Error(), "is not signed by the office") {
		t.Fatalf("without a kept list: %v", err)
	}

	put("practice.pub", sign(u.recipient))
	cfg, err := load(u.config, u.state, u.warn)
	if err != nil {
		t.Fatal(err)
	}
	u.keepSigned(cfg)
	u.start()
	u.says(isIdle)
	put("practice.pub", append(sign(u.recipient), added+"\n"...))
	u.reload()
	u.says(func(r *report) bool { return warns(r, "recipients-changed") && !configRefused(r) })
	if output, err := u.confirms("room-3\n"); err == nil ||
		!strings.Contains(err.Error(), "its signature says whom the unit trusts") {
		t.Errorf("it can be confirmed: %s, %v", output, err)
	}
	cfg, err = load(u.config, u.state, u.warn) // as the next start does
	if err != nil || !slices.Equal(cfg.Encrypt.Recipients, []string{u.recipient}) || len(cfg.Office.Refused) == 0 {
		t.Errorf("%+v, %v", cfg, err)
	}

	put("practice.pub", sign(u.recipient, added))
	u.reload()
	u.says(func(r *report) bool { return !warns(r, "recipients-changed") })
	put("practice.pub", []byte(added+"\n"))
	cfg, err = load(u.config, u.state, u.warn)
	if err != nil || len(cfg.Encrypt.Recipients) != 2 {
		t.Errorf("the newer list was not kept: %+v, %v", cfg, err)
	}
	if err := os.Remove(filepath.Join(u.state, signedRecipients)); err != nil {
		t.Fatal(err)
	}
	if _, err := load(u.config, u.state, u.warn); cli.Code(err) != cli.ExitConfig {
		t.Errorf("after the kept list was removed: %v", err)
	}
	u.stop()
	if err := u.end(); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
