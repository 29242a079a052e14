//go:build unix

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/store/readahead"
)

// chunk is how many bytes are read, written or compared at a time. Each copy in progress holds two
// chunks in memory.
const chunk = 1 << 20

// copying is the copying of one recording into a Folder, during one visit.
type copying struct {
	name          string
	from          *source
	folder        Folder
	ruined        func(as string) bool // a write or sync of that file has failed since it was mounted
	irreplaceable func(as string) bool // no other file could take that name since it was mounted

	skipped     []string         // names that are in use by files that can be neither appended to nor replaced
	as          string           // the copy's name
	out         durable.File     // open for appending; nil: not located yet
	temp        bool             // out has its temporary name
	unnamed     bool             // the name may not be on the medium
	at          int64            // size of what is copied, in bytes
	next        *readahead.Piece // the next chunk; nil: not requested yet
	unsynced    bool             // some of out may not be on the medium
	syncDue     time.Time
	ignoreSpace bool // the medium reports that it is full, but accepts writes
	wholeOnly   bool // the medium doesn't allow appending, only whole files

	back     io.ReadCloser // the copy, read back from the medium; nil: not started
	compared int64         // size of what was read back and is right, in bytes
	beside   string        // why the copy doesn't have the recording's own name
}

// setSource replaces the spool's file by another of the same recording.
func (c *copying) setSource(from *source) {
	_, _ = c.next.Wait()
	c.from.file.Close()
	c.from, c.next = from, nil
}

func (c *copying) close() {
	_, _ = c.next.Wait()
	if c.out != nil {
		c.out.Close()
	}
	if c.back != nil {
		c.back.Close()
	}
	c.from.file.Close()
	c.out, c.back = nil, nil
}

// begin finds out where the copy continues, and opens it.
func (c *copying) begin(size int64, progress func()) error {
	p, err := locate(c, size, progress)
	if err != nil {
		return err
	}
	c.as, c.at, c.beside = p.as, p.matching, p.beside
	remake := p.remake || c.ruined(p.as)
	if p.exists && !remake {
		if remake, err = c.resume(); err != nil {
			return err
		}
	}
	switch {
	case remake && c.irreplaceable(p.as):
		c.skipped = append(c.skipped, p.as)
		return c.begin(size, progress) // at most once for each name
	case remake:
		err = c.makeNew()
	case !p.exists:
		c.out, err = c.folder.FS().Create(p.as)
		c.unnamed = true
	}
	if err != nil {
		return fmt.Errorf("open the copy %s: %w", c.as, err)
	}
	c.syncDue = time.Now().Add(syncEvery)
	return nil
}

// resume opens the copy to append to it. It returns remake if that is impossible, as with servers
// that accept only whole files.
func (c *copying) resume() (remake bool, err error) {
	out, err := c.folder.FS().Append(c.as)
	if err != nil {
		c.wholeOnly = true
		return true, nil // if the store itself fails, so will making a new file
	}
	info, err := out.Stat()
	if err == nil && info.Size() > c.at {
		err = errors.New("it grows although nobody writes to it")
	}
	if err != nil {
		out.Close()
		return false, fmt.Errorf("open the copy %s: %w", c.as, err)
	}
	if info.Size() < c.at {
		out.Close()
		return true, nil
	}
	c.out, c.unsynced, c.unnamed = out, true, true // what can be read may never have been synced
	return false, nil
}

// makeNew opens a new temporary file, which will replace the copy.
func (c *copying) makeNew() (err error) {
	temp := c.as + durable.TempSuffix
	fsys := c.folder.FS()
	if c.out, err = fsys.Create(temp); errors.Is(err, fs.ErrExist) { // left by an interruption
		if err = fsys.Remove(temp); isRefusal(err) {
			return &replaceError{c.as, err}
		} else if err == nil {
			c.out, err = fsys.Create(temp)
		}
	}
	c.temp, c.at = true, 0
	return err
}

// A replaceError says that no other file can take a file's name. The copy must get another name.
type replaceError struct {
	as  string
	err error
}

func (e *replaceError) Error() string { return fmt.Sprintf("replace the copy %s: %v", e.as, e.err) }
func (e *replaceError) Unwrap() error { return e.err }

// isRefusal reports whether an error means that a store never allows the operation.
func isRefusal(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}

// restart closes the copy, which will be located again.
func (c *copying) restart() {
	_, _ = c.next.Wait()
	if c.out != nil {
		c.out.Close()
	}
	*c = copying{name: c.name, from: c.from, folder: c.folder, ruined: c.ruined, irreplaceable: c.irreplaceable,
		ignoreSpace: c.ignoreSpace, wholeOnly: c.wholeOnly, skipped: c.skipped}
}
