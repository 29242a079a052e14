package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"tacet/config/textfile/textfiletest"
	"tacet/daemon/recording"
)

// A file of units' keys may have been saved on Windows.
func TestUnitsSavedOnWindows(t *testing.T) {
	_, first, err := recording.NewUnitKey("high-street", "room-3")
	if err != nil {
		t.Fatal(err)
	}
	_, second, err := recording.NewUnitKey("high-street", "room-4")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "units.vkey")
	if err := os.WriteFile(name, []byte("# Zimmer Süd\n"+first+"\n\n"+second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	textfiletest.SavedOnWindows(t, func(way string) {
		if keys, err := readUnits(name); err != nil || !slices.Equal(keys, []string{first, second}) {
			t.Errorf("%s: %q, %v", way, keys, err)
		}
	}, name)
}
