package textfile

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Nothing may wait for a file that a configuration names: anything but an ordinary file is refused
// and not opened.
func TestNotAnOrdinaryFile(t *testing.T) {
	dir := t.TempDir()
	pipe, link := filepath.Join(dir, "pipe"), filepath.Join(dir, "link")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("pipe", link); err != nil {
		t.Fatal(err)
	}
	type result struct {
		how string
		err error
	}
	for _, name := range []string{pipe, link, "/dev/null", "/dev/zero", dir} {
		done := make(chan result, 2)
		go func() { _, err := Read(name, 100); done <- result{"Read", err} }()
		go func() { _, err := Value(name, 100); done <- result{"Value", err} }()
		for range 2 {
			select {
			case r := <-done:
				want := "is not an ordinary file"
				if name == dir {
					want = "is a folder"
				}
				if r.err == nil || !strings.Contains(r.err.Error(), want) || !strings.Contains(r.err.Error(), name) {
					t.Errorf("%s of %s: %v, want that it %s", r.how, name, r.err, want)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%s: it waits for a pipe that nobody writes to", name)
			}
		}
	}
	// At a desk it may be a pipe, such as a shell's <(…).
	go func() { _ = os.WriteFile(pipe, []byte("secret\n"), 0o600) }()
	if text, err := Stream(pipe, 100); err != nil || string(text) != "secret\n" {
		t.Errorf("Stream of a pipe: %q, %v", text, err)
	}
}
