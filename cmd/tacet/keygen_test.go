package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
)

// Decrypted with the passphrase, the file is what age-keygen writes, and its key belongs to the
// printed recipient.
func TestKeygenWithPassphrase(t *testing.T) {
	dir := t.TempDir()
	key, passphrase := filepath.Join(dir, "office.key"), filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	printed, _, err := generate(t, "-passphrase-file", passphrase, "-o", key)
	if err != nil {
		t.Fatal(err)
	}
	recipient, signature, _ := strings.Cut(printed, "\n")
	recipient += "\n"
	if !strings.HasPrefix(signature, "# — tacet-office/office ") || strings.Count(signature, "\n") != 1 {
		t.Errorf("after the recipient it prints %q", signature)
	}
	locked, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	// The file states the work factor: 2^18, which is age's own.
	if !regexp.MustCompile(`^age-encryption\.org/v1\n-> scrypt \S+ 18\n`).Match(locked) {
		t.Errorf("the file starts with %q", locked[:min(len(locked), 80)])
	}
	if bytes.Contains(locked, []byte("AGE-SECRET-KEY")) {
		t.Error("the key is not encrypted")
	}
	identity, err := age.NewScryptIdentity("correct horse battery staple")
	if err != nil {
		t.Fatal(err)
	}
	r, err := age.Decrypt(bytes.NewReader(locked), identity)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	checkKey(t, content, recipient)
}

func checkKey(t *testing.T, content []byte, recipient string) {
	t.Helper()
	form := `^# created: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)\n# public key: ` + strings.TrimSpace(recipient) +
		`\nAGE-SECRET-KEY-PQ-1[0-9A-Z]+\n$`
	if !regexp.MustCompile(form).Match(content) {
		t.Error("the file is not what age-keygen writes")
	}
	ids, err := age.ParseIdentities(bytes.NewReader(content))
	if err != nil || len(ids) != 1 {
		t.Fatalf("%d identities, %v", len(ids), err)
	}
	if id, ok := ids[0].(*age.HybridIdentity); !ok || id.Recipient().String()+"\n" != recipient {
		t.Error("the key is not the recipient's")
	}
}

func generate(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errs strings.Builder
	env := &cli.Env{Name: "tacet", Ctx: context.Background(), Stdout: &out, Stderr: &errs}
	err = keygen(env, args)
	return out.String(), errs.String(), err
}

// If the key can't be written, no recipient is printed. If the recipient can't be printed, the key
// stays.
func TestKeygenThatFails(t *testing.T) {
	dir := t.TempDir()
	stdout, _, err := generate(t, "-plain", "-o", filepath.Join(dir, "none", "office.key"))
	if err == nil || !strings.Contains(err.Error(), "there is no folder "+filepath.Join(dir, "none")) || stdout != "" {
		t.Errorf("error %v, printed %q", err, stdout)
	}
	key := filepath.Join(dir, "office.key")
	env := &cli.Env{Name: "tacet", Ctx: context.Background(), Stdout: brokenPipe{}, Stderr: io.Discard}
	if err := keygen(env, []string{"-plain", "-o", key}); err == nil {
		t.Error("no error although nothing can be printed")
	}
	if content, err := os.ReadFile(key); err != nil || !bytes.Contains(content, []byte("# public key: age1pq1")) {
		t.Errorf("the key is gone: %v", err)
	}
}

// A file that appears while the passphrase is typed is not overwritten either.
func TestWriteNewOverwritesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "office.key")
	if err := writeNew(file, []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(file, []byte("second"), 0o600); !errors.Is(err, os.ErrExist) {
		t.Errorf("error is %v", err)
	}
	if got, err := os.ReadFile(file); string(got) != "first" || err != nil {
		t.Errorf("the file holds %q, %v", got, err)
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
