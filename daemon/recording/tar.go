package recording

import (
	"archive/tar"
	"bytes"
	"fmt"
	"time"
)

const blockSize = 512

// endBlocks are the two blocks of zeros that end an archive.
var endBlocks [2 * blockSize]byte

// Offsets of the fields of a ustar header.
const (
	nameEnd  = 100
	sizeAt   = 124
	mtimeAt  = 136
	sumAt    = 148
	typeAt   = 156
	magicAt  = 257
	digits11 = 11 // a number is 11 octal digits and a NUL
)

// headers makes the tar headers of one recording. They differ only in name, size and checksum, so
// archive/tar writes one, and put fills in these fields.
type headers struct {
	blank [blockSize]byte // name, size and checksum are zero
	sum   uint32          // of blank, with the checksum's field as spaces
	mtime int64
}

func newHeaders(mtime int64) (*headers, error) {
	var buf bytes.Buffer
	err := tar.NewWriter(&buf).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg,
		Name:     "x",
		Mode:     0o444,
		ModTime:  time.Unix(mtime, 0),
		Format:   tar.FormatUSTAR,
	})
	if err != nil {
		return nil, fmt.Errorf("make a tar header for the time %d: %w", mtime, err)
	}
	h := &headers{mtime: mtime}
	copy(h.blank[:], buf.Bytes())
	clear(h.blank[:nameEnd])
	clear(h.blank[sizeAt:mtimeAt])
	clear(h.blank[sumAt:typeAt])
	for _, b := range h.blank {
		h.sum += uint32(b)
	}
	h.sum += 8 * ' '
	return h, nil
}

// put writes the header of member n into block.
func (h *headers) put(block *[blockSize]byte, n name, size int64) {
	*block = h.blank
	sum := h.sum
	for _, b := range n.append(block[:0]) {
		sum += uint32(b)
	}
	putOctal(block[sizeAt:sizeAt+digits11], size)
	for _, b := range block[sizeAt : sizeAt+digits11] {
		sum += uint32(b)
	}
	putOctal(block[sumAt:sumAt+6], int64(sum))
	block[sumAt+7] = ' ' // after a NUL: only the checksum ends like this
}

func putOctal(dst []byte, v int64) {
	for i := len(dst) - 1; i >= 0; i, v = i-1, v>>3 {
		dst[i] = byte('0' + v&7)
	}
}

// octal parses 11 octal digits and a NUL. It refuses spaces, signs, fewer digits and the binary
// form, all of which tar programs also accept.
func octal(field []byte) (v int64, ok bool) {
	for _, b := range field[:digits11] {
		if b < '0' || b > '7' {
			return 0, false
		}
		v = v<<3 | int64(b-'0')
	}
	return v, field[digits11] == 0
}

// headerName parses the name in a header.
func headerName(block []byte) (name, bool) {
	field := block[:nameEnd]
	if i := bytes.IndexByte(field, 0); i >= 0 {
		field = field[:i]
	}
	return parseName(field)
}

// padded returns size rounded up to whole blocks.
func padded(size int64) int64 { return (size + blockSize - 1) &^ (blockSize - 1) }

// fieldOf names the header field that holds byte i of a block.
func fieldOf(i int) string {
	for _, f := range [...]struct {
		end  int
		name string
	}{
		{100, "name"}, {108, "mode"}, {116, "owner"}, {124, "group"}, {136, "size"}, {148, "time"}, {156, "checksum"},
		{157, "type"}, {257, "link"}, {265, "magic"}, {297, "owner's name"}, {329, "group's name"}, {345, "device"},
		{500, "prefix"},
	} {
		if i < f.end {
			return f.name
		}
	}
	return "padding"
}

// allZero reports whether b holds zeros only.
func allZero(b []byte) bool {
	for len(b) > len(endBlocks) {
		if !bytes.Equal(b[:len(endBlocks)], endBlocks[:]) {
			return false
		}
		b = b[len(endBlocks):]
	}
	return bytes.Equal(b, endBlocks[:len(b)])
}
