//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/health"
)

// chunk is how much is read, written or compared at a time. A follower holds two in memory for each
// copy under way.
const chunk = 1 << 20

// copying is one recording on its way into a Folder, as far as one visit there brings it.
type copying struct {
	name   string
	from   *original
	folder Folder
	ruined func(as string) bool // a write or sync of that file failed, here and since it was mounted
	fixed  func(as string) bool // no other can take that file's place, here and since it was mounted

	over     []string     // names that are passed over: what has them can be neither written on nor replaced
	as       string       // the copy's name
	out      durable.File // open for appending; nil: not located yet
	temp     bool         // out has not got the copy's name yet
	unnamed  bool         // the name may not be on the medium
	at       int64        // bytes in out that are the spool's
	next     *fetched     // what comes next; nil: not asked for yet
	unsynced bool         // some of them may not be on the medium
	syncDue  time.Time
	roomy    bool // the medium says that it is full, and takes what is written
	whole    bool // the medium does not let a file be written on: it takes files only whole

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
	remake := p.remake || c.ruined(p.as)
	if p.there && !remake {
		if remake, err = c.goOn(); err != nil {
			return err
		}
	}
	switch {
	case remake && c.fixed(p.as):
		c.over = append(c.over, p.as)
		return c.begin(size, progress) // no deeper than there are names
	case remake:
		err = c.makeAnew()
	case !p.there:
		c.out, err = c.folder.FS().Create(p.as)
		c.unnamed = true
	}
	if err != nil {
		return fmt.Errorf("open the copy %s: %w", c.as, err)
	}
	c.syncDue = time.Now().Add(syncEvery)
	return nil
}

// goOn opens the copy to write on in it. remake: that can't be had, and it has to be made anew:
// some servers take a file only whole.
func (c *copying) goOn() (remake bool, err error) {
	out, err := c.folder.FS().Append(c.as)
	if err != nil {
		c.whole = true
		return true, nil // if the place fails as such, so does making it anew
	}
	info, err := out.Stat()
	if err == nil && info.Size() > c.at {
		err = errors.New("it grows while nobody writes it")
	}
	if err != nil {
		out.Close()
		return false, fmt.Errorf("open the copy %s: %w", c.as, err)
	}
	if info.Size() < c.at {
		out.Close()
		return true, nil
	}
	c.out, c.unsynced, c.unnamed = out, true, true // what reads back may have been waiting for its first sync
	return false, nil
}

// makeAnew opens a new file beside the copy, which will take its place.
func (c *copying) makeAnew() (err error) {
	temp := c.as + durable.TempSuffix
	fsys := c.folder.FS()
	if c.out, err = fsys.Create(temp); errors.Is(err, fs.ErrExist) { // left by an interruption
		if err = fsys.Remove(temp); refusedFor(err) {
			return &fixedFile{c.as, err}
		} else if err == nil {
			c.out, err = fsys.Create(temp)
		}
	}
	c.temp, c.at = true, 0
	return err
}

// A fixedFile is a file whose place no other can take. The copy has to get another name.
type fixedFile struct {
	as  string
	err error
}

func (e *fixedFile) Error() string { return fmt.Sprintf("replace the copy %s: %v", e.as, e.err) }
func (e *fixedFile) Unwrap() error { return e.err }

// refusedFor tells that a place refuses something for good, from its having failed.
func refusedFor(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, fs.ErrPermission)
}

// again forgets where the copy is: it is looked for anew.
func (c *copying) again() {
	_, _ = c.next.wait()
	if c.out != nil {
		c.out.Close()
	}
	*c = copying{name: c.name, from: c.from, folder: c.folder, ruined: c.ruined, fixed: c.fixed, roomy: c.roomy,
		whole: c.whole, over: c.over}
}

// tidy removes what an interrupted making-anew has left beside a copy that is whole. It is only
// tidier; a file that holds anything else stays.
func (c *copying) tidy() {
	fsys, temp := c.folder.FS(), c.as+durable.TempSuffix
	info, err := fsys.Stat(temp)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if c.starts(temp, min(info.Size(), sector)) {
		_ = fsys.Remove(temp)
	}
}

// starts reports whether the first bytes of a file are the recording's, or zeros.
func (c *copying) starts(name string, length int64) bool {
	f, err := c.folder.FS().Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	got, want := make([]byte, length), make([]byte, length)
	if n, err := f.ReadAt(got, 0); err != nil && int64(n) < length || c.from.read(want, 0) != nil {
		return false
	}
	return blocksTorn(got, want)
}

// append brings over at most one chunk of what the spool has synced, and reports whether there is
// more: that is read while this is written.
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

// spare is what a copy leaves free on its medium, for the names of files and the file system's own
// use.
const spare = 256 << 10

// room refuses to start what the medium can't hold: a full disk is not found out by failing in the
// middle of a copy. What the medium says of its room is believed only when it refuses to take as
// much in a file apart: some say that they are full, or have no size at all, and take everything.
func (c *copying) room(need int64) error {
	if c.roomy {
		return nil
	}
	next := min(need, chunk) + spare
	free, _, err := c.folder.FS().Space()
	if err != nil || free >= next {
		return nil
	}
	if err := takes(c.folder, next); err != nil {
		return &Trouble{health.StoreFull, fmt.Errorf("%d KB free where %d KB are still to come: %w", free>>10, need>>10, err)}
	}
	c.roomy = true
	return nil
}

// roomName is the file that is written to see whether there is room.
const roomName = ".tacet-room"

// takes writes so many bytes to a medium, and removes them.
func takes(m Folder, size int64) error {
	fsys := m.FS()
	f, err := fsys.Create(roomName)
	if errors.Is(err, fs.ErrExist) { // left by an interruption
		if err = fsys.Remove(roomName); err == nil {
			f, err = fsys.Create(roomName)
		}
	}
	if err != nil {
		return err
	}
	data := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data) // which no file system makes smaller
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if removed := fsys.Remove(roomName); err == nil {
		err = removed
	}
	return err
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
		if err := c.rename(); refusedFor(err) {
			return &fixedFile{c.as, err}
		} else if err != nil {
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

// rename gives what was made anew the copy's name. A file that is open may be refused another name:
// it is closed then, and tried again.
func (c *copying) rename() error {
	fsys, temp := c.folder.FS(), c.as+durable.TempSuffix
	err := fsys.Rename(temp, c.as)
	if !refusedFor(err) {
		return err
	}
	closed := c.out.Close()
	if c.out = nil; closed != nil {
		return closed
	}
	if fsys.Rename(temp, c.as) != nil {
		return err
	}
	if out, err := fsys.Append(c.as); err == nil { // otherwise it is looked for anew, if more is to come
		c.out = out
	}
	return nil
}

// prove reads at most one chunk back from the medium and compares it, and reports whether the copy
// is the whole recording.
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

// agree compares the next chunk of a copy, read from its begin, with the recording's, and returns
// how many bytes are the same. Behind the last byte the copy has to end.
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
