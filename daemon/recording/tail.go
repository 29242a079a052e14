package recording

import (
	"fmt"
	"io"
)

// MaxTail bounds a tail: a longer one is ignored.
const MaxTail = 16 << 20

// Tail returns what there is of a second that is still being filled, sealed as the segment that would come next: for the unit's
// memory, where it waits for a process that is killed, see RecoverWithTail. The recording itself stays where it stands, and
// Segment makes the true one later, from the same place on.
//
// So there are two notes of this recording with one number of leaves and different roots, which a log must never have. Here it
// is harmless: the tail leaves the unit's memory only through RecoverWithTail, and then the true segment never reached the disk
// and never will, since the key is gone with the process. No checkpoint goes to a witness before its segment is on the disk.
//
// data is the segment, and samples how many there are in it; h is what happened in it, nil for nothing.
func (s *Sealer) Tail(data []byte, samples int64, h *Happening) ([]byte, error) {
	short := Happening{Samples: samples}
	if h != nil {
		short.Gaps, short.ClockSteps = h.Gaps, h.ClockSteps
	}
	n := s.file.last.n + 1
	b, _, _, err := s.next(n, data, &short)
	if err != nil {
		return nil, fmt.Errorf("seal the tail of %s behind segment %d: %w", s.head.ID, n-1, err)
	}
	return b.out, nil
}

// withTail returns a walk over the file and those members of a tail that go on behind its last good note, which may be none, and
// their bytes.
func (w *walk) withTail(tail []byte) (*walk, []byte, error) {
	kept := w.good.note.end()
	tail = behindSegment(tail, int32(w.good.segments))
	if len(tail) == 0 {
		return w, nil, nil
	}
	file := &extended{w.r, kept, tail}
	longer, _, err := lastValid(file, kept+int64(len(tail)))
	if err != nil {
		return nil, nil, err
	}
	if longer.good.note.end() < kept {
		return nil, nil, ErrChanged
	}
	return longer, tail[:longer.good.note.end()-kept], nil
}

// behindSegment is the part of a tail that holds the segments behind number n, as far as its headers say so. Nothing of it is
// proved.
func behindSegment(tail []byte, n int32) []byte {
	if len(tail) > MaxTail {
		return nil
	}
	begin, at := -1, 0
	for len(tail)-at >= blockSize {
		m, known := headerName(tail[at:])
		size, ok := octal(tail[at+sizeAt : at+mtimeAt])
		if !known || !ok || m.n == 0 || size > m.kind.limit() {
			break
		}
		if begin < 0 && m.n > n {
			begin = at
		}
		at += blockSize + int(padded(size))
	}
	if begin < 0 {
		return nil
	}
	return tail[begin:min(at, len(tail))]
}

// extended is a file's beginning with a tail behind it.
type extended struct {
	file io.ReaderAt
	size int64 // of the file, as far as it counts
	tail []byte
}

func (f *extended) ReadAt(p []byte, off int64) (n int, err error) {
	if off < f.size {
		n, err = f.file.ReadAt(p[:min(int64(len(p)), f.size-off)], off)
		if n == len(p) || err != nil && err != io.EOF {
			return n, err
		}
		if off+int64(n) < f.size {
			return n, io.EOF
		}
	}
	more := copy(p[n:], f.tail[min(off+int64(n)-f.size, int64(len(f.tail))):])
	if n += more; n < len(p) {
		return n, io.EOF
	}
	return n, nil
}
