package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"tacet/daemon/durable"
)

// A key file that others can use is found out, by its mode and by its owner.
func TestExposed(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder := durable.OS(root)
	path := filepath.Join(dir, "unit.key")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := keyFile{folder, "unit.key", path}
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "",
		0o644: path + " has mode 0644, which lets others use it: chmod 600 " + path,
		0o640: path + " has mode 0640, which lets others use it: chmod 600 " + path,
		0o660: path + " has mode 0660, which lets others use it: chmod 600 " + path,
		0o602: path + " has mode 0602, which lets others use it: chmod 600 " + path,
		0o601: path + " has mode 0601, which lets others use it: chmod 600 " + path,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		got := ""
		if err := f.exposed(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("mode %04o: %q, want %q", mode, got, want)
		}
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	us := os.Geteuid()
	want := fmt.Sprintf("%s belongs to user %d, and the service runs as user %d: chown %d %s", path, us, us+1, us+1, path)
	if err := f.exposedTo(us + 1); err == nil || err.Error() != want {
		t.Errorf("another's file: %v, want %s", err, want)
	}
	if err := (keyFile{folder, "none", path}).exposed(); err != nil {
		t.Errorf("a file that is not there: %v", err)
	}
}
