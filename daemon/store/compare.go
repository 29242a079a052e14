//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"tacet/daemon/durable"
)

// errDiffers says that what was read back from the medium is not what was written.
var errDiffers = errors.New("what was read back differs from the recording")

// compare reads at most one chunk back from the medium and compares it. It reports whether all of
// the recording has been compared.
func (c *copying) compare(size int64) (done bool, err error) {
	if c.back == nil {
		if c.out != nil {
			err := c.out.Close() // some servers report errors only now
			c.out = nil
			if err != nil {
				return false, &writeError{c.as, err}
			}
		}
		if c.back, err = c.folder.ReadBack(c.as); err != nil {
			return false, fmt.Errorf("read the copy %s back: %w", c.as, err)
		}
	}
	n, err := compareChunk(c.back, c.from, c.compared, size)
	c.compared += n
	if err != nil || c.compared < size {
		return false, err
	}
	return true, nil
}

// compareChunk compares the next chunk of a copy with the recording at an offset, and returns its
// size. The copy must end after the last byte.
func compareChunk(copied io.Reader, from *source, at, size int64) (int64, error) {
	want := make([]byte, min(size-at, chunk))
	got := make([]byte, len(want), len(want)+1)
	if int64(len(want)) == size-at { // and one more, which must not exist
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

// tidy removes the temporary file that an interruption left beside a complete copy. A file with any
// other content stays.
func (c *copying) tidy() {
	fsys, temp := c.folder.FS(), c.as+durable.TempSuffix
	info, err := fsys.Stat(temp)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	if c.startsLike(temp, min(info.Size(), sector)) {
		_ = fsys.Remove(temp)
	}
}

// startsLike reports whether the first bytes of a file are the recording's, or zeros.
func (c *copying) startsLike(name string, length int64) bool {
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
