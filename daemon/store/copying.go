//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/health"
)

// chunk is how much is read, written or compared at a time. A follower holds two in memory for each copy under way.
const chunk = 1 << 20

// copying is one recording on its way into a Folder, as far as one visit there brings it.
type copying struct {
	name   string
	from   *original
	folder Folder
	ruined func(as string) bool // a write or sync of that file failed, here and since it was mounted

	as       string       // the copy's name
	out      durable.File // open for appending; nil: not located yet
	temp     bool         // out has not got the copy's name yet
	unnamed  bool         // the name may not be on the medium
	at       int64        // bytes in out that are the spool's
	next     *fetched     // what comes next; nil: not asked for yet
	unsynced bool         // some of them may not be on the medium
	syncDue  time.Time

	back   io.ReadCloser // the read-back; nil: not begun
	proved int64         // bytes that it agreed with
	beside string        // why the copy has not the recording's own name
}

// original is the spool's file of a recording.
type original struct {
	file durable.File
	name string
}

// An originalError is a failure of the spool's, not of the store's.
type originalError struct{ err error }

func (e *originalError) Error() string { return "read the spool's copy: " + e.err.Error() }
func (e *originalError) Unwrap() error { return e.err }

// errDiffers says that what was read back from the medium is not what was written.
var errDiffers = errors.New("what was read back differs from the recording")

// read fills b from the given place.
func (o *original) read(b []byte, at int64) error {
	if _, err := o.file.ReadAt(b, at); err != nil {
		return &originalError{err}
	}
	return nil
}

// reread takes another file for the spool's.
func (c *copying) reread(from *original) {
	_, _ = c.next.wait()
	c.from.file.Close()
	c.from, c.next = from, nil
}

func (c *copying) close() {
	_, _ = c.next.wait()
	if c.out != nil {
		c.out.Close()
	}
	if c.back != nil {
		c.back.Close()
	}
	c.from.file.Close()
	c.out, c.back = nil, nil
}

// begin finds out where the copy goes on, and opens it.
func (c *copying) begin(size int64, progress func()) error {
	p, err := locate(c, size, progress)
	if err != nil {
		return err
	}
	c.as, c.at, c.beside = p.as, p.same, p.beside
	fsys := c.folder.FS()
	switch {
	case p.remake || c.ruined(p.as):
		temp := p.as + durable.TempSuffix
		if c.out, err = fsys.Create(temp); errors.Is(err, fs.ErrExist) {
			if err = fsys.Remove(temp); err == nil {
				c.out, err = fsys.Create(temp)
			}
		}
		c.temp, c.at = true, 0
	case p.there:
		c.out, err = fsys.Append(p.as)
		c.unsynced, c.unnamed = true, true // what reads back may have been waiting for its first sync
	default:
		c.out, err = fsys.Create(p.as)
		c.unnamed = true
	}
	if err != nil {
		return fmt.Errorf("open the copy %s: %w", c.as, err)
	}
	c.syncDue = time.Now().Add(syncEvery)
	return nil
}

// append brings over at most one chunk of what the spool has synced, and reports whether there is more: that is read while
// this is written.
func (c *copying) append(size int64) (more bool, err error) {
	if c.at >= size {
		return false, nil
	}
	if err := c.room(size - c.at); err != nil {
		return false, err
	}
	if c.next == nil {
		c.next = c.from.fetch(c.at, size)
	}
	b, err := c.next.wait()
	c.next = nil
	if err != nil {
		return false, err
	}
	after := c.at + int64(len(b))
	if after < size {
		c.next = c.from.fetch(after, size)
	}
	c.unsynced = true
	if _, err := c.out.Write(b); err != nil {
		return false, &lostWrite{c.as, err}
	}
	c.at = after
	return c.at < size, nil
}

// fetched is a chunk that is being read from the spool.
type fetched struct {
	data []byte
	err  error
	done chan struct{}
}

// fetch begins to read the chunk at the given place.
func (o *original) fetch(at, size int64) *fetched {
	f := &fetched{data: make([]byte, min(size-at, chunk)), done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.err = o.read(f.data, at)
	}()
	return f
}

func (f *fetched) wait() ([]byte, error) {
	if f == nil {
		return nil, nil
	}
	<-f.done
	return f.data, f.err
}

// A lostWrite is a write or a sync that failed: nothing is ever written to that file again.
type lostWrite struct {
	as  string
	err error
}

func (e *lostWrite) Error() string { return fmt.Sprintf("write the copy %s: %v", e.as, e.err) }
func (e *lostWrite) Unwrap() error { return e.err }

// spare is what a copy leaves free on its medium, for the names of files and the file system's own use.
const spare = 256 << 10

// room refuses to begin what the medium can't hold: a full disk is not found out by failing in the middle. One whose
// room can't be told is tried.
func (c *copying) room(need int64) error {
	free, _, err := c.folder.FS().Space()
	if err == nil && free < min(need, chunk)+spare {
		return &Trouble{health.StoreFull, fmt.Errorf("%d KB free where %d KB are still to come", free>>10, need>>10)}
	}
	return nil
}

// settle puts what was appended onto the medium, under the copy's name.
func (c *copying) settle() error {
	if c.unsynced {
		if err := c.out.Sync(); err != nil {
			return &lostWrite{c.as, err}
		}
		c.unsynced = false
	}
	if c.temp {
		if err := c.folder.FS().Rename(c.as+durable.TempSuffix, c.as); err != nil {
			return &lostWrite{c.as, err}
		}
		c.temp, c.unnamed = false, true
	}
	if c.unnamed {
		if err := c.folder.FS().SyncDir("."); err != nil {
			return &lostWrite{c.as, err} // only a new name would be written again
		}
		c.unnamed = false
	}
	c.syncDue = time.Now().Add(syncEvery)
	return nil
}

// prove reads at most one chunk back from the medium and compares it, and reports whether the copy is the whole recording.
func (c *copying) prove(size int64) (done bool, err error) {
	if c.back == nil {
		if c.out != nil {
			err := c.out.Close() // some servers tell only now that something went wrong
			c.out = nil
			if err != nil {
				return false, &lostWrite{c.as, err}
			}
		}
		if c.back, err = c.folder.ReadBack(c.as); err != nil {
			return false, fmt.Errorf("read the copy %s back: %w", c.as, err)
		}
	}
	n, err := agree(c.back, c.from, c.proved, size)
	c.proved += n
	if err != nil || c.proved < size {
		return false, err
	}
	return true, nil
}

// agree compares the next chunk of a copy, read from its begin, with the recording's, and returns how many bytes are the
// same. Behind the last byte the copy has to end.
func agree(copied io.Reader, from *original, at, size int64) (int64, error) {
	want := make([]byte, min(size-at, chunk))
	got := make([]byte, len(want), len(want)+1)
	if int64(len(want)) == size-at { // and one more, to see that there is none
		got = got[:len(want)+1]
	}
	n, err := io.ReadFull(copied, got)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, fmt.Errorf("read the copy back: %w", err)
	}
	if err := from.read(want, at); err != nil {
		return 0, err
	}
	if !bytes.Equal(got[:n], want) {
		return 0, errDiffers
	}
	return int64(n), nil
}
