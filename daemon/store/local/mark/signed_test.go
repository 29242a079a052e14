package mark

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/config/office"
	"tacet/config/office/officetest"
)

// A mark signed by this version, and the key of that office. They must stay valid for ever.
const (
	goldenKey    = "tacet-office/high-street+a142b5a4+ASja1GMdaW5rBwrHJU+kyH/uzLiojVaw4V79zAEvfcav"
	goldenSigned = `{"format":"tacet-drive/2","site":"high-street","room":"*","store":"drive","id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","uuid":"1234-ABCD","signature":"tacet-office/high-street oUK1pMQ3jLROEeQIuAlTfT8YwauJiIePVKQYXta3BBLlr6ZZX4sn/yDwaqU/sZeiLUM7L9bMxvEZLOk4Gwg+NFYxkg8="}`
)

func TestGoldenSigned(t *testing.T) {
	k, err := office.ParseKey(goldenKey)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse([]byte(goldenSigned + "\r\n"))
	if err != nil || m.Room != EveryRoom || m.UUID != "1234-ABCD" {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := m.SignedBy(k, "1234-ABCD"); err != nil {
		t.Error(err)
	}
	for _, change := range []string{"high-street\",\"room", "*", "drive\",\"id", "ABCD", "1234", "tacet-office/high"} {
		bad := strings.Replace(goldenSigned, change, "x"+change[1:], 1)
		if m, err := Parse([]byte(bad)); err == nil && m.SignedBy(k, m.UUID) == nil {
			t.Errorf("%s counts as signed", bad)
		}
	}
}

// A signed mark is valid on its own drive, and on no other.
func TestSigned(t *testing.T) {
	s, k, _ := officetest.New(t, "high-street")
	other, _, _ := officetest.New(t, "high-street")
	m, err := NewSigned("high-street", EveryRoom, "drive", "1234-ABCD", s)
	if err != nil {
		t.Fatal(err)
	}
	root, _ := drive(t)
	if err := m.Write(root); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(root); got != m || err != nil {
		t.Fatalf("read %+v (%v), want %+v", got, err, m)
	}
	if !m.For("high-street", "room-3", "drive") || !m.For("high-street", "room-4", "drive") ||
		m.For("low-street", "room-3", "drive") || m.For("high-street", "room-3", "x") {
		t.Error("a mark for each room takes one store for another")
	}
	if err := m.SignedBy(k, "1234-ABCD"); err != nil {
		t.Error(err)
	}
	for uuid, want := range map[string]string{"1234-ABCE": "was signed for another drive", "": "is unknown"} {
		if err := m.SignedBy(k, uuid); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("on a file system called %q: %v", uuid, err)
		}
	}
	forged, err := m.Sign("1234-ABCD", other)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := New("high-street", "room-3", "drive")
	if err != nil {
		t.Fatal(err)
	}
	moved := m
	moved.UUID = "1234-ABCE"
	for what, m := range map[string]Mark{"another office": forged, "nobody": bare, "a mark that was changed": moved} {
		if m.SignedBy(k, "1234-ABCE") == nil || m.SignedBy(k, "1234-ABCD") == nil {
			t.Errorf("of %s it counts as signed", what)
		}
	}
	if m, err := NewSigned("high-street", "room-3", "drive", "", s); err == nil {
		t.Errorf("signed without a UUID: %+v", m)
	}
}

func TestUUIDOf(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"dev/disk/by-uuid", "sys/class/block/sda1", "sys/class/block/sdb1"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if got := UUIDOf(root, "8:1"); got != "" {
		t.Errorf("without links: %q", got)
	}
	for name, node := range map[string]string{"1234-ABCD": "../../sda1", `a\x20b\x2fc`: "../../sdb1",
		"gone": "../../sdz1"} {
		if err := os.Symlink(node, filepath.Join(root, "dev/disk/by-uuid", name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, number := range map[string]string{"sda1": "8:1\n", "sdb1": "8:17\n"} {
		if err := os.WriteFile(filepath.Join(root, "sys/class/block", name, "dev"), []byte(number), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for device, want := range map[string]string{"8:1": "1234-ABCD", "8:17": "a b/c", "8:2": ""} {
		if got := UUIDOf(root, device); got != want {
			t.Errorf("%s has %q, want %q", device, got, want)
		}
	}
}
