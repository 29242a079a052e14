package mark

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const golden = `{"format":"tacet-drive/1","site":"high-street","room":"room-3","store":"drive","id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`

func TestParse(t *testing.T) {
	want := Mark{Format: "tacet-drive/1", Site: "high-street", Room: "room-3", Store: "drive",
		ID: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
	for _, end := range []string{"", "\n", "\r\n"} {
		if m, err := Parse([]byte(golden + end)); m != want || err != nil {
			t.Errorf("with %q: %+v, %v", end, m, err)
		}
	}
	for name, text := range map[string]string{
		"empty":             "",
		"another format":    strings.Replace(golden, "drive/1", "drive/2", 1),
		"a key more":        strings.Replace(golden, "}", `,"x":1}`, 1),
		"a key twice":       strings.Replace(golden, "{", `{"site":"x",`, 1),
		"a capital key":     strings.Replace(golden, "site", "SITE", 1),
		"a climbing site":   strings.Replace(golden, "high-street", "../etc", 1),
		"no room":           strings.Replace(golden, "room-3", "", 1),
		"a long store":      strings.Replace(golden, `"drive"`, `"`+strings.Repeat("a", 33)+`"`, 1),
		"a short ID":        strings.Replace(golden, "XYZ", "", 1),
		"each room's":       strings.Replace(golden, "room-3", "*", 1),
		"a UUID":            strings.Replace(golden, "}", `,"uuid":"1234-ABCD"}`, 1),
		"a signature":       strings.Replace(golden, "}", `,"uuid":"1234-ABCD","signature":"tacet-office/office AAAA"}`, 1),
		"signed, without":   strings.Replace(golden, "drive/1", "drive/2", 1),
		"a blank":           strings.Replace(golden, ":", ": ", 1),
		"something after":   golden + "\n" + golden,
		"a blank line more": golden + "\n\n",
		"zeros":             strings.Repeat("\x00", 100),
	} {
		if m, err := Parse([]byte(text)); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func drive(t *testing.T) (*os.Root, string) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root, dir
}

func TestWriteAndRead(t *testing.T) {
	root, dir := drive(t)
	if _, err := Read(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a drive without a mark: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), []byte("holiday"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := New("high-street", "room-3", "drive")
	if err != nil {
		t.Fatal(err)
	}
	second, _ := New("high-street", "room-4", "drive")
	for _, m := range []Mark{first, second} {
		if err := m.Write(root); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(root); got != m || err != nil {
			t.Errorf("read %+v (%v), want %+v", got, err, m)
		}
	}
	if first.ID == second.ID {
		t.Error("two marks have the same ID")
	}
	if !first.For("high-street", "room-3", "drive") || first.For("high-street", "room-4", "drive") ||
		first.For("x", "room-3", "drive") || first.For("high-street", "room-3", "x") {
		t.Error("a mark takes one store for another")
	}
	if got, err := os.ReadFile(filepath.Join(dir, "photo.jpg")); string(got) != "holiday" || err != nil {
		t.Errorf("what lay on the drive is %q (%v)", got, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("%v lie on the drive", entries)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]fs.FileMode{File: 0o644, ".": 0o777} {
		if info, err := root.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
}

// Something with the mark's name that isn't a small file is not read.
func TestReadRefuses(t *testing.T) {
	for name, lay := range map[string]func(path string) error{
		"a folder":   func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":     func(path string) error { return os.Symlink("other", path) },
		"too long":   func(path string) error { return os.WriteFile(path, make([]byte, maxSize+1), 0o600) },
		"other text": func(path string) error { return os.WriteFile(path, []byte("hello"), 0o600) },
	} {
		root, dir := drive(t)
		if err := os.WriteFile(filepath.Join(dir, "other"), []byte(golden), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := lay(filepath.Join(dir, File)); err != nil {
			t.Fatal(err)
		}
		if m, err := Read(root); !errors.Is(err, ErrBad) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, place := range [][3]string{{"", "r", "s"}, {"s", "R", "s"}, {"s", "r", "a/b"}} {
		if m, err := New(place[0], place[1], place[2]); err == nil {
			t.Errorf("made %+v", m)
		}
	}
	root, dir := drive(t)
	if err := (Mark{}).Write(root); err == nil {
		t.Error("an empty mark was written")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v were written", entries)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(golden))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := Parse(text); err == nil && len(text) > len(m.line())+2 {
			t.Errorf("%q is taken for %s", text, m.line())
		}
	})
}
