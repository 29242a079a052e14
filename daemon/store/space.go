//go:build unix

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"

	"tacet/daemon/health"
)

// spare is how many bytes a copy leaves free on its medium, for the file system's own use.
const spare = 256 << 10

// checkSpace fails if the medium can't hold the next chunk, so that a copy isn't torn by a full
// disk. Some media report that they are full, or have no size at all, and accept everything. So it
// believes the report only if the medium also refuses a separate file of that size.
func (c *copying) checkSpace(need int64) error {
	if c.ignoreSpace {
		return nil
	}
	next := min(need, chunk) + spare
	free, _, err := c.folder.FS().Space()
	if err != nil || free >= next {
		return nil
	}
	if err := acceptsBytes(c.folder, next); err != nil {
		return &Trouble{health.StoreFull,
			fmt.Errorf("%d KB are free, and %d KB are still to be copied: %w", free>>10, need>>10, err)}
	}
	c.ignoreSpace = true
	return nil
}

// spaceTestName is the name of the file that tests for space.
const spaceTestName = ".tacet-room"

// acceptsBytes writes size bytes to a medium and removes them.
func acceptsBytes(m Folder, size int64) error {
	fsys := m.FS()
	f, err := fsys.Create(spaceTestName)
	if errors.Is(err, fs.ErrExist) { // left by an interruption
		if err = fsys.Remove(spaceTestName); err == nil {
			f, err = fsys.Create(spaceTestName)
		}
	}
	if err != nil {
		return err
	}
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // so that no file system compresses it
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if removed := fsys.Remove(spaceTestName); err == nil {
		err = removed
	}
	return err
}
