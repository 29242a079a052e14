//go:build unix

package store

import (
	"fmt"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/store/readahead"
)

// append copies at most one chunk of what the spool has synced, and reports whether there is more.
// It reads the next chunk while it writes this one.
func (c *copying) append(size int64) (more bool, err error) {
	if c.at >= size {
		return false, nil
	}
	if err := c.checkSpace(size - c.at); err != nil {
		return false, err
	}
	if c.next == nil {
		c.next = c.fetch(c.at, size)
	}
	b, err := c.next.Wait()
	c.next = nil
	if err != nil {
		return false, err
	}
	after := c.at + int64(len(b))
	if after < size {
		c.next = c.fetch(after, size)
	}
	c.unsynced = true
	if _, err := c.out.Write(b); err != nil {
		return false, &writeError{c.as, err}
	}
	c.at = after
	return c.at < size, nil
}

// fetch starts to read the chunk at an offset.
func (c *copying) fetch(at, size int64) *readahead.Piece {
	return readahead.Start(c.from, make([]byte, min(size-at, chunk)), at)
}

// A writeError says that a write or sync failed. That file is never written again.
type writeError struct {
	as  string
	err error
}

func (e *writeError) Error() string { return fmt.Sprintf("write the copy %s: %v", e.as, e.err) }
func (e *writeError) Unwrap() error { return e.err }

// settle syncs what was appended, and gives the copy its name.
func (c *copying) settle() error {
	if c.unsynced {
		if err := c.out.Sync(); err != nil {
			return &writeError{c.as, err}
		}
		c.unsynced = false
	}
	if c.temp {
		if err := c.rename(); isRefusal(err) {
			return &replaceError{c.as, err}
		} else if err != nil {
			return &writeError{c.as, err}
		}
		c.temp, c.unnamed = false, true
	}
	if c.unnamed {
		if err := c.folder.FS().SyncDir("."); err != nil {
			return &writeError{c.as, err} // a later sync would write only new names
		}
		c.unnamed = false
	}
	c.syncDue = time.Now().Add(syncEvery)
	return nil
}

// rename gives a new file the copy's name. If the store doesn't rename open files, it closes the
// file and tries again.
func (c *copying) rename() error {
	fsys, temp := c.folder.FS(), c.as+durable.TempSuffix
	err := fsys.Rename(temp, c.as)
	if !isRefusal(err) {
		return err
	}
	closed := c.out.Close()
	if c.out = nil; closed != nil {
		return closed
	}
	if fsys.Rename(temp, c.as) != nil {
		return err
	}
	if out, err := fsys.Append(c.as); err == nil { // otherwise it is located again if there is more to copy
		c.out = out
	}
	return nil
}
