//go:build unix

package durable_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

func TestOSConforms(t *testing.T) {
	durabletest.Conformance(t, func(t *testing.T) durabletest.Folder {
		dir := t.TempDir()
		root, err := os.OpenRoot(dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { root.Close() })
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		return durabletest.Folder{
			FS:      durable.OS(root),
			Mkdir:   func(name string) { must(os.Mkdir(filepath.Join(dir, name), 0o700)) },
			Symlink: func(name string) { must(os.Symlink("target", filepath.Join(dir, name))) },
			Pipe:    func(name string) { must(syscall.Mkfifo(filepath.Join(dir, name), 0o600)) },
		}
	})
}
