// Package bundle writes and reads tar archives that can be written in one way only, by the header
// rules of FORMAT.md in package recording. A reader makes each header anew and compares it, so that
// nothing can be hidden between the members, and all tar programs see the same content.
package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

const blockSize = 512

// endBlocks are the two blocks of zeros that end an archive.
var endBlocks [2 * blockSize]byte

// MaxMember is the longest member that a reader takes, in bytes, whatever its caller allows.
const MaxMember = 16 << 20

// header returns a member's header.
func header(name string, size, mtime int64) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o444,
		ModTime: time.Unix(mtime, 0), Format: tar.FormatUSTAR})
	return b.Bytes(), err
}

// A Writer writes an archive.
type Writer struct {
	w     io.Writer
	mtime int64
}

// NewWriter starts an archive whose headers all have the time mtime, in seconds since 1970.
func NewWriter(w io.Writer, mtime int64) *Writer { return &Writer{w, mtime} }

// Add adds a member, which must not be empty.
func (w *Writer) Add(name string, content []byte) error {
	if len(content) == 0 || len(content) > MaxMember {
		return fmt.Errorf("%s would have %d bytes", name, len(content))
	}
	head, err := header(name, int64(len(content)), w.mtime)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, b := range [][]byte{head, content, endBlocks[:-len(content)&(blockSize-1)]} {
		if _, err := w.w.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the archive. It doesn't close what it is written to.
func (w *Writer) Close() error {
	_, err := w.w.Write(endBlocks[:])
	return err
}

// A Fault is what is wrong with an archive.
type Fault struct {
	Member string // "" if it isn't known
	Offset int64  // of the member's header, or of what is wrong; -1 if that isn't one place
	What   string // a phrase to follow the member's name
}

func (f *Fault) Error() string {
	text := f.What
	if f.Member != "" {
		text = f.Member + ": " + text
	}
	if f.Offset >= 0 {
		text += fmt.Sprintf(" (byte %d)", f.Offset)
	}
	return text
}

// A Member is a member of an archive.
type Member struct {
	Name    string
	At      int64 // offset of its header
	Content []byte
}

// Fault returns a fault of the member.
func (m *Member) Fault(format string, args ...any) error {
	return &Fault{m.Name, m.At, fmt.Sprintf(format, args...)}
}

// Start is the offset of the content of the member.
func (m *Member) Start() int64 { return m.At + blockSize }

// A Reader reads an archive from start to end, and each byte of it once.
type Reader struct {
	r     io.ReaderAt
	at    int64
	size  int64
	mtime int64 // -1 before the first member
}

// NewReader starts to read the archive that is the first size bytes of r.
func NewReader(r io.ReaderAt, size int64) *Reader { return &Reader{r: r, size: size, mtime: -1} }

// At is the offset of the next member.
func (r *Reader) At() int64 { return r.at }

// Time is the time in each header so far, in seconds since 1970.
func (r *Reader) Time() int64 { return r.mtime }

// Next reads the next member, which must be called name, and have at most limit bytes. An error is
// a *Fault, or says that reading failed.
func (r *Reader) Next(name string, limit int64) (*Member, error) {
	m := &Member{Name: name, At: r.at}
	block := make([]byte, blockSize)
	if r.size-r.at < blockSize {
		return nil, &Fault{"", r.at, "the file ends where " + name + " should stand"}
	}
	if err := readFull(r.r, block, r.at); err != nil {
		return nil, err
	}
	if found := nameIn(block); found != name {
		if bytes.Equal(block, endBlocks[:blockSize]) {
			return nil, &Fault{"", r.at, "the archive ends where " + name + " should stand"}
		}
		return nil, &Fault{"", r.at, fmt.Sprintf("%.40q instead of %s", found, name)}
	}
	size, ok := octal(block[124:136])
	if !ok || size == 0 || size > min(limit, MaxMember) {
		return nil, m.Fault("the size in its header is not possible")
	}
	if r.mtime < 0 {
		if r.mtime, ok = octal(block[136:148]); !ok {
			return nil, m.Fault("its header has no time")
		}
	}
	want, err := header(name, size, r.mtime)
	if err != nil || !bytes.Equal(block, want) {
		return nil, m.Fault("its header is not the only one that it may have")
	}
	return m, r.content(m, size)
}

// Has reports whether the next member seems to be called name. It proves nothing: Next reads the
// header again.
func (r *Reader) Has(name string) bool {
	found, _ := Peek(r.r, r.at)
	return found == name
}

// content reads a member's content and the padding after it.
func (r *Reader) content(m *Member, size int64) error {
	padding := -size & (blockSize - 1)
	if m.Start()+size+padding > r.size {
		return m.Fault("the file ends in the middle of it")
	}
	all := make([]byte, size+padding)
	if err := readFull(r.r, all, m.Start()); err != nil {
		return err
	}
	if !bytes.Equal(all[size:], endBlocks[:padding]) {
		return m.Fault("the padding after it is not zero")
	}
	m.Content = all[:size:size]
	r.at = m.Start() + size + padding
	return nil
}

// End checks that the archive ends here, and the file with it.
func (r *Reader) End() error {
	if r.size-r.at != int64(len(endBlocks)) {
		return &Fault{"", r.at, fmt.Sprintf("%d bytes where two blocks of zeros should end the file", r.size-r.at)}
	}
	var rest [len(endBlocks)]byte
	if err := readFull(r.r, rest[:], r.at); err != nil {
		return err
	}
	if rest != endBlocks {
		return &Fault{"", r.at, "something other than two blocks of zeros at the end"}
	}
	return nil
}

// Peek returns the name in the header at an offset, and the size that it gives. It checks neither.
func Peek(r io.ReaderAt, at int64) (name string, size int64) {
	var block [blockSize]byte
	if err := readFull(r, block[:], at); err != nil {
		return "", 0
	}
	size, _ = octal(block[124:136])
	return nameIn(block[:]), size
}

// Padded is the number of bytes that a member of a size takes in an archive, with its header.
func Padded(size int64) int64 { return blockSize + size + -size&(blockSize-1) }

func nameIn(block []byte) string {
	name, _, _ := strings.Cut(string(block[:100]), "\x00")
	return name
}

// octal parses eleven octal digits and a zero byte.
func octal(field []byte) (v int64, ok bool) {
	for _, b := range field[:11] {
		if b < '0' || b > '7' {
			return 0, false
		}
		v = v<<3 | int64(b-'0')
	}
	return v, field[11] == 0
}

func readFull(r io.ReaderAt, dst []byte, off int64) error {
	n, err := r.ReadAt(dst, off)
	if n == len(dst) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read at %d: %w", off, err)
}
