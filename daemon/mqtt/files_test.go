package mqtt

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tacet/config/textfile/textfiletest"
)

// The files are read again each time. The error names a file that can't be read, or is too long.
func TestCredentialsAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	f := CredentialFiles{Password: dir + "/password", CA: dir + "/ca.pem"}
	write := func(name string, text []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(want string) Credentials {
		t.Helper()
		c, err := f.Read()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
		return c
	}
	read("password: no such file")
	write("password", []byte("one\n"))
	read("ca.pem: no such file")
	write("ca.pem", make([]byte, maxCredential+1))
	read("ca.pem is longer than 1048576 bytes")
	write("ca.pem", []byte("CA"))
	if c := read(""); c.Password != "one" || !bytes.Equal(c.CA, []byte("CA")) || slices.Concat(c.Cert, c.Key) != nil {
		t.Errorf("read: %+v", c)
	}
	write("password", []byte("two\n"))
	if c := read(""); c.Password != "two" {
		t.Errorf("read: %+v", c)
	}
	for written, want := range map[string]string{
		"\ufeffthree\r\n": "three", "\xff\xfeh\x00i\x00\r\x00\n\x00": "hi", " four \n": " four ", "five\t": "five\t",
		"p\xe4ss\n": "p\xe4ss",
	} {
		write("password", []byte(written))
		if c := read(""); c.Password != want {
			t.Errorf("of %q it read %q, want %q", written, c.Password, want)
		}
	}
	write("password", []byte("\ufeff\r\n"))
	read("password is empty")
	write("password", []byte("six\nseven\n"))
	read("password contains more than one line")
	write("password", []byte("six\n"))
	write("ca.pem", []byte("\ufeffC\r\nA\r\n"))
	if c := read(""); string(c.CA) != "C\nA\n" {
		t.Errorf("read: %q", c.CA)
	}
}

// All four files may have been saved on Windows, in UTF-16 too.
func TestCredentialsSavedOnWindows(t *testing.T) {
	dir := t.TempDir()
	f := CredentialFiles{Password: dir + "/password", CA: dir + "/ca.pem", Cert: dir + "/client.pem",
		Key: dir + "/client.key"}
	authority := newAuthority(t)
	unit := authority.issue(t, "room-3", time.Now().Add(time.Hour))
	for name, text := range map[string][]byte{f.Password: []byte("three\n"), f.CA: authority.pem, f.Cert: unit.cert,
		f.Key: unit.key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	textfiletest.SavedOnWindows(t, func(way string) {
		c, err := f.Read()
		if err != nil || c.Password != "three" || !bytes.Equal(c.CA, authority.pem) || !bytes.Equal(c.Cert, unit.cert) ||
			!bytes.Equal(c.Key, unit.key) {
			t.Errorf("%s: %+v, %v", way, c, err)
		}
		b := broker{secure: true, host: "broker.lan"}
		if err := b.use(c); err != nil {
			t.Errorf("%s: %v", way, err)
		}
	}, f.Password, f.CA, f.Cert, f.Key)
}
