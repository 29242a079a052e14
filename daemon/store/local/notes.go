//go:build linux

package local

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tacet/config/bounded"
	"tacet/daemon/store"
)

// notesPath is where systemd/tacet-drive leaves notes about drives that it didn't mount. A note is
// named after its device, and holds the reason and the type of the file system.
const notesPath = "/run/tacet-drives"

const (
	maxNotes = 64
	maxNote  = 256
)

var noteForm = regexp.MustCompile(`^(unmarked|own-disk) ([a-z0-9]{1,16})$`)

// notes returns what the notes say about drives that are still plugged in.
func (d devices) notes() (all []*store.Trouble) {
	entries, err := os.ReadDir(d.at(notesPath))
	if err != nil {
		return nil
	}
	for _, e := range entries[:min(len(entries), maxNotes)] {
		name := e.Name()
		if !e.Type().IsRegular() || strings.HasPrefix(name, ".") {
			continue
		}
		if _, err := os.Lstat(d.at(filepath.Join("/sys/class/block", name))); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		f, err := os.Open(d.at(filepath.Join(notesPath, name)))
		if err != nil {
			continue
		}
		text, err := bounded.ReadAll(f, maxNote)
		f.Close()
		note := noteForm.FindStringSubmatch(strings.TrimSpace(string(text)))
		switch {
		case err != nil || note == nil:
		case note[1] == "own-disk":
			all = append(all, trouble(foreign,
				"/dev/%s (%s) is part of the disk that this unit runs from, and is not used as a drive; plug in another one",
				name, note[2]))
		default:
			all = append(all, trouble(foreign,
				"/dev/%s (%s) is plugged in and carries no mark; it was not mounted; \"tacet drive init\" at a desk makes it "+
					"this store's", name, note[2]))
		}
	}
	return all
}
