//go:build unix

package people

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Accounts that root adds belong to the user that the dashboard runs as.
func TestAccountsBelongToTheFoldersOwner(t *testing.T) {
	dir := t.TempDir()
	uid, gid := os.Geteuid(), os.Getegid()
	if uid == 0 {
		uid, gid = 12345, 54321
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	book, err := OpenFile(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kim", "sam"} {
		a, err := NewAccount(name, "manager", secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := book.Put(a); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, FileName))
	if err != nil {
		t.Fatal(err)
	}
	if s := info.Sys().(*syscall.Stat_t); int(s.Uid) != uid || int(s.Gid) != gid || info.Mode().Perm() != 0o600 {
		t.Errorf("it belongs to %d:%d, with mode %v", s.Uid, s.Gid, info.Mode())
	}
}
