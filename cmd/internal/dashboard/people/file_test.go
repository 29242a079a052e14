package people

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// What another process changes counts within a second. A broken file lets nobody in.
func TestAccountsInAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "new")
		one, err := OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		if all, err := one.Accounts(); err != nil || len(all) != 0 {
			t.Fatalf("a new folder has %v, %v", all, err)
		}
		two, err := OpenFile(dir)
		if err != nil {
			t.Fatal(err)
		}
		a, err := NewAccount("kim", "site:north", secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := two.Put(a); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, FileName))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("its mode is %v", info.Mode())
		}
		time.Sleep(fileAge)
		if got, ok, err := one.Account("kim"); err != nil || !ok || got != a {
			t.Errorf("the other process sees %+v, %v, %v", got, ok, err)
		}
		if err := two.Remove("kim"); err != nil {
			t.Fatal(err)
		}
		if two.Remove("kim") == nil {
			t.Error("an account is removed twice")
		}
		time.Sleep(fileAge)
		if _, ok, _ := one.Account("kim"); ok {
			t.Error("a removed account is still there")
		}
		if err := os.WriteFile(filepath.Join(dir, FileName), []byte("[{"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(fileAge)
		if _, _, err := one.Account("kim"); err == nil {
			t.Error("a broken file is no error")
		}
		if NewGate(one).Empty() {
			t.Error("a broken file counts as one without accounts")
		}
		if one.Put(a) == nil {
			t.Error("a broken file is overwritten")
		}
	})
}
