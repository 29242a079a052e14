package durable

import (
	"errors"
	"os"
	"testing"
)

func TestListingIsBounded(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	folder := osFS{root}
	for _, name := range []string{"c", "a", "b"} {
		if err := WriteFile(folder, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	for limit, want := range map[int]error{2: ErrTooMany, 3: nil} {
		entries, err := folder.list(".", limit)
		if len(entries) != limit || !errors.Is(err, want) {
			t.Errorf("at most %d: %d entries, %v", limit, len(entries), err)
		}
	}
}
