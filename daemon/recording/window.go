package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// windowSize is large enough to read in few calls and small enough for a cache.
const windowSize = 256 << 10

var errShrank = errors.New("the file got shorter while it was read")

// A window reads a file in large pieces, from start to end. It is all the memory that reading a
// recording takes.
//
// A caller that only moves forward sees each byte as it was read once: bytes in view are not read
// again. Otherwise somebody could change the file meanwhile, so that one part is checked and
// another one believed.
type window struct {
	r     io.ReaderAt
	size  int64  // of the file when reading started
	at    int64  // offset of the bytes in view
	bytes []byte // in view; the start of space
	space []byte
}

func newWindow(r io.ReaderAt, size int64) window {
	return window{r: r, size: size, space: make([]byte, min(size, windowSize))}
}

// view returns the n bytes at off, valid until the next call. They must lie within the file, and n
// be at most windowSize.
func (w *window) view(off, n int64) ([]byte, error) {
	if off < w.at || off+n > w.at+int64(len(w.bytes)) {
		if err := w.move(off); err != nil {
			return nil, err
		}
	}
	return w.bytes[off-w.at:][:n], nil
}

// move moves the view to off. It reads only the bytes that are not in view yet.
func (w *window) move(off int64) error {
	stays := 0
	if in := off - w.at; in >= 0 && in < int64(len(w.bytes)) {
		stays = copy(w.space, w.bytes[in:])
	}
	w.at, w.bytes = off, w.space[:min(w.size-off, int64(len(w.space)))]
	if err := readFull(w.r, w.bytes[stays:], off+int64(stays)); err != nil {
		w.bytes = nil
		return err
	}
	return nil
}

// rest returns the bytes in view from off on, at least atLeast of them, which the file must have.
// It reads only if fewer are in view.
func (w *window) rest(off, atLeast int64) ([]byte, error) {
	if _, err := w.view(off, atLeast); err != nil {
		return nil, err
	}
	return w.bytes[off-w.at:], nil
}

// sum hashes the n bytes at off, whatever n.
func (w *window) sum(off, n int64) (sum [sha256.Size]byte, err error) {
	if n <= int64(len(w.space)) {
		b, err := w.view(off, n)
		return sha256.Sum256(b), err
	}
	h := sha256.New()
	for n > 0 {
		b, err := w.view(off, min(n, int64(len(w.space))))
		if err != nil {
			return sum, err
		}
		h.Write(b)
		off, n = off+int64(len(b)), n-int64(len(b))
	}
	h.Sum(sum[:0])
	return sum, nil
}

func readFull(r io.ReaderAt, dst []byte, off int64) error {
	n, err := r.ReadAt(dst, off)
	if n == len(dst) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = errShrank
	}
	return fmt.Errorf("read at %d: %w", off, err)
}
