//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"tacet/daemon/recording"
)

// maxNames limits how many names are tried for a copy.
const maxNames = 9

// Beside returns the n-th name for a copy, for when the names before it are taken: NAME.tacet,
// NAME.2.tacet, NAME.3.tacet, …
func Beside(name string, n int) string {
	if n <= 1 {
		return name
	}
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, recording.Extension), n, recording.Extension)
}

// place is where a copy continues.
type place struct {
	as       string // its name
	exists   bool   // a copy exists, all of it right
	matching int64  // its size, if it exists
	remake   bool   // a torn copy exists, which a new file must replace
	beside   string // why it doesn't have the recording's own name
}

// locate finds the copy of a recording in a folder: the first name that is free, or whose file is
// the start of the recording, or what an interruption made of one. Any other file is left as it is.
func locate(c *copying, size int64, progress func()) (place, error) {
	var p place
	for n := 1; n <= maxNames; n++ {
		p.as = Beside(c.name, n)
		if slices.Contains(c.skipped, p.as) {
			p.beside = fmt.Sprintf("the copy %s is not complete, and can be neither appended to nor replaced", p.as)
			continue
		}
		usable, err := p.check(c, size, progress)
		if usable || err != nil {
			return p, err
		}
	}
	return p, fmt.Errorf("copy %s: %d other files have its name: move them elsewhere", c.name, maxNames)
}

// check reports whether the name p.as is free or has the copy, and sets the other fields of p.
func (p *place) check(c *copying, size int64, progress func()) (usable bool, err error) {
	info, err := c.folder.FS().Stat(p.as)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look for the copy %s: %w", p.as, err)
	case !info.Mode().IsRegular():
		p.beside = "something that is not a file has its name"
		return false, nil
	case info.Size() > maxExplained(size), info.Size() < 0: // some sizes don't fit into an int64
		p.beside = longer(p.as, info.Size(), size)
		return false, nil
	}
	same, length, torn, err := compare(c.folder, c.from, size, p.as, progress)
	if err != nil {
		return false, err
	}
	switch {
	case same == length && length <= size && info.Size() > length:
		p.beside = fmt.Sprintf("the file %s is reported as %d bytes long, but ends after %d", p.as, info.Size(), length)
		return false, nil
	case same == length && length <= size:
		p.exists, p.matching = true, same
		return true, nil
	case length > maxExplained(size):
		p.beside = longer(p.as, length, size)
		return false, nil
	}
	verified, err := verifiedSize(c.folder, p.as, length)
	switch {
	case err != nil:
		return false, err
	case verified > same && same > 0:
		p.beside = fmt.Sprintf("the copy %s holds more of it than the unit", p.as)
	case verified > same || !torn && same < recording.HeadSize(c.from, size) && !c.ruined(p.as):
		p.beside = fmt.Sprintf("the file %s is something else", p.as)
	default:
		p.remake = true
	}
	return p.remake, nil
}

// maxExplained returns how long a copy of a recording of size bytes can be: after an interruption
// it may be some seconds longer than the unit's. A longer file is not read to its end, which may
// never come.
func maxExplained(size int64) int64 { return size + chunk }

func longer(as string, length, size int64) string {
	return fmt.Sprintf("the file %s is %d bytes long and the unit's %d: it may hold more of the recording, or be "+
		"something else",
		as, length, size)
}

// compare reads a copy from the medium. same is how many bytes from the start are the recording's,
// length how many there are. torn says that each block after those is the recording's or zeros, as
// after a power cut. It reads no more than maxExplained.
func compare(folder Folder, from *source, size int64, as string,
	progress func()) (same, length int64, torn bool, err error) {
	back, err := folder.ReadBack(as)
	if err != nil {
		return 0, 0, false, fmt.Errorf("read the copy %s: %w", as, err)
	}
	defer back.Close()
	got, want := make([]byte, chunk), make([]byte, chunk)
	torn = true
	for {
		progress()
		n, err := io.ReadFull(back, got)
		last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return 0, 0, false, fmt.Errorf("read the copy %s: %w", as, err)
		}
		have := max(0, min(int64(n), size-length))
		if err := from.read(want[:have], length); err != nil {
			return 0, 0, false, err
		}
		if same == length {
			same += prefix(got[:n], want[:have])
		}
		torn = torn && blocksTorn(got[:n], want[:have])
		length += int64(n)
		if last {
			return same, length, torn, nil
		}
		if same < length && !torn || length > maxExplained(size) { // the rest can't change the result
			info, err := folder.FS().Stat(as)
			if err != nil {
				return 0, 0, false, fmt.Errorf("look at the copy %s: %w", as, err)
			}
			return same, max(length, info.Size()), false, nil
		}
	}
}

// prefix returns how many bytes two slices have in common from the start.
func prefix(a, b []byte) int64 {
	n := min(len(a), len(b))
	if bytes.Equal(a[:n], b[:n]) {
		return int64(n)
	}
	for i := range n {
		if a[i] != b[i] {
			return int64(i)
		}
	}
	return int64(n)
}

const sector = 512 // the unit in which a power cut loses data

// blocksTorn reports whether each block of got is that of want, or zeros.
func blocksTorn(got, want []byte) bool {
	for at := 0; at < len(got); at += sector {
		block := got[at:min(at+sector, len(got))]
		if ours := want[min(at, len(want)):min(at+len(block), len(want))]; bytes.Equal(block, ours) {
			continue
		}
		if len(bytes.TrimLeft(block, "\x00")) > 0 {
			return false
		}
	}
	return true
}

// verifiedSize returns how many bytes of a file its own signatures prove, and the medium holds.
func verifiedSize(folder Folder, as string, length int64) (int64, error) {
	f, err := folder.FS().Open(as)
	if err != nil {
		return 0, fmt.Errorf("open the copy %s: %w", as, err)
	}
	defer f.Close()
	report, err := recording.Verify(f, length, recording.Options{})
	if err != nil {
		return 0, fmt.Errorf("verify the copy %s: %w", as, err)
	}
	if !report.HeadProved {
		return 0, nil
	}
	return onMedium(folder, as, f, report.Bytes)
}

// onMedium returns how many of a file's first bytes are the same on the medium as in memory.
func onMedium(folder Folder, as string, f io.ReaderAt, size int64) (int64, error) {
	back, err := folder.ReadBack(as)
	if err != nil {
		return 0, fmt.Errorf("read the copy %s: %w", as, err)
	}
	defer back.Close()
	got, want := make([]byte, chunk), make([]byte, chunk)
	for at := int64(0); at < size; {
		n := min(chunk, size-at)
		if _, err := f.ReadAt(want[:n], at); err != nil {
			return 0, fmt.Errorf("read the copy %s: %w", as, err)
		}
		read, err := io.ReadFull(back, got[:n])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return 0, fmt.Errorf("read the copy %s: %w", as, err)
		}
		same := prefix(got[:read], want[:n])
		at += same
		if same < n {
			return at, nil
		}
	}
	return size, nil
}
