package office

import (
	"crypto/sha256"
	"errors"
	"testing"
)

func TestCopy(t *testing.T) {
	private, public, err := NewKey("high-street")
	if err != nil {
		t.Fatal(err)
	}
	_, otherPublic, _ := NewKey("high-street")
	signer, err := ParseSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	key, _ := ParseKey(public)
	other, _ := ParseKey(otherPublic)
	files := map[string][sha256.Size]byte{"proof": {1}, "READ ME.txt": {2}, "listen.html": {3}}
	note, err := SignCopy(files, signer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ParseCopy(note)
	if err != nil || m.Office != "tacet-office/high-street" || len(m.Files) != 3 || m.Files["proof"] != files["proof"] {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := key.CheckCopy(m); err != nil {
		t.Error(err)
	}
	if err := other.CheckCopy(m); !errors.Is(err, ErrChanged) {
		t.Errorf("another office of that name: %v", err)
	}
	for i := range note {
		note[i] ^= 1
		if m, err := ParseCopy(note); err == nil && key.CheckCopy(m) == nil {
			t.Errorf("byte %d is changed", i)
		}
		note[i] ^= 1
	}
	for n := range note {
		if m, err := ParseCopy(note[:n]); err == nil && key.CheckCopy(m) == nil {
			t.Errorf("cut to %d bytes", n)
		}
	}
	for _, name := range []string{"", "../x", "a/b", "a\\b", ".hidden", "a\nb", "a:b", "x.verylongending"} {
		if _, err := SignCopy(map[string][sha256.Size]byte{name: {}}, signer); err == nil {
			t.Errorf("a file called %q is signed", name)
		}
	}
	list, err := SignList([]byte("age1\n"), signer)
	if err == nil {
		if _, err := ParseCopy(list); err == nil {
			t.Error("a list of recipients passes for a copy")
		}
	}
}
