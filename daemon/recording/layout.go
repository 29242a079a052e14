package recording

import (
	"errors"
	"io"
)

// HasEnd reports whether the first size bytes of r end as a finished recording does: with end.note
// and two blocks of zeros. It reads the last few blocks only and checks no signature.
func HasEnd(r io.ReaderAt, size int64) bool {
	const tailSize = blockSize + maxNote + int64(len(endBlocks))
	start := max(0, size-tailSize)
	tail := make([]byte, size-start)
	if _, err := r.ReadAt(tail, start); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	noteEnd := len(tail) - len(endBlocks)
	if noteEnd < 2*blockSize || !allZero(tail[noteEnd:]) {
		return false
	}
	for at := noteEnd - 2*blockSize; at >= 0; at -= blockSize {
		block := tail[at : at+blockSize]
		if !hasMagic(block) {
			continue
		}
		n, ok := headerName(block)
		length, sized := octal(block[sizeAt:mtimeAt])
		return ok && sized && n.kind == kindEndNote && int64(at)+blockSize+padded(length) == int64(noteEnd)
	}
	return false
}

// HeadSize returns the size in bytes of a recording's head, READ-ME.txt to recording.note. It
// returns size if the first size bytes of r don't hold all of it. It checks no signature.
func HeadSize(r io.ReaderAt, size int64) int64 {
	var block [blockSize]byte
	at := int64(0)
	for kind := kindReadMe; kind <= kindHeadNote; kind++ {
		if at+blockSize > size {
			return size
		}
		if err := readFull(r, block[:], at); err != nil {
			return size
		}
		length, ok := octal(block[sizeAt:mtimeAt])
		if !ok {
			return size
		}
		at += blockSize + padded(length)
	}
	return min(at, size)
}

// HasSegment reports whether the header of a segment stands at any block of the first size bytes of r.
func HasSegment(r io.ReaderAt, size int64) (bool, error) {
	w := newWindow(r, size)
	for at := int64(0); at+blockSize <= size; at += blockSize {
		block, err := w.view(at, blockSize)
		if err != nil {
			return false, err
		}
		if n, ok := headerName(block); ok && n.kind == kindSegment && hasMagic(block) {
			return true, nil
		}
	}
	return false, nil
}
