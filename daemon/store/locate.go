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

// maxBeside bounds how many files may stand in a copy's way under its own name.
const maxBeside = 9

// Beside is the name of a copy when others have the names before it: NAME.tacet, NAME.2.tacet,
// NAME.3.tacet, …
func Beside(name string, n int) string {
	if n <= 1 {
		return name
	}
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, recording.Extension), n, recording.Extension)
}

// place is where a copy is to go on.
type place struct {
	as     string
	there  bool  // a copy is there, of which the first same bytes are right, and all
	same   int64 //
	remake bool  // one is there that was torn: it has to be made anew, beside what is there until that is done
	beside string
}

// locate finds the copy of a recording in a folder: the first name that is free, or whose file is
// the begin of the recording, or is what an interruption made of one. Anything else is somebody's,
// and is left as it is.
func locate(c *copying, size int64, progress func()) (place, error) {
	var p place
	folder, from, name := c.folder, c.from, c.name
	for n := 1; n <= maxBeside; n++ {
		p.as = Beside(name, n)
		if slices.Contains(c.over, p.as) {
			p.beside = fmt.Sprintf("the copy %s is not whole, and can be neither written on nor replaced", p.as)
			continue
		}
		info, err := folder.FS().Stat(p.as)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return p, nil
		case err != nil:
			return p, fmt.Errorf("look for the copy %s: %w", p.as, err)
		case !info.Mode().IsRegular():
			p.beside = "something that is no file has its name"
			continue
		case info.Size() > most(size), info.Size() < 0: // some say what no number holds
			p.beside = longer(p.as, info.Size(), size)
			continue
		}
		same, length, torn, err := compare(folder, from, size, p.as, progress)
		if err != nil {
			return p, err
		}
		switch {
		case same == length && length <= size && info.Size() > length:
			p.beside = fmt.Sprintf("the file %s is said to be %d bytes long, and ends after %d", p.as, info.Size(), length)
			continue
		case same == length && length <= size:
			p.there, p.same = true, same
			return p, nil
		case length > most(size):
			p.beside = longer(p.as, length, size)
			continue
		}
		proved, err := provedTo(folder, p.as, length)
		if err != nil {
			return p, err
		}
		switch {
		case proved > same && same > 0:
			p.beside = fmt.Sprintf("the copy %s holds more of it than the unit", p.as)
		case proved > same || !torn && same < headSize(from, size) && !c.ruined(p.as):
			p.beside = fmt.Sprintf("the file %s is something else", p.as)
		default:
			p.remake = true
			return p, nil
		}
	}
	return p, fmt.Errorf("copy %s: %d other files have its name: move them elsewhere", name, maxBeside)
}

// most is how long a file may be that the unit's recording of so many bytes explains: an
// interruption may have left it some seconds longer. What is longer is not read to its end, which
// may never come.
func most(size int64) int64 { return size + chunk }

func longer(as string, length, size int64) string {
	return fmt.Sprintf("the file %s is %d bytes long where the unit has %d: it may hold more of it, or is something else",
		as, length, size)
}

// compare reads the copy from the medium. same is how many bytes from the first on are the
// recording's, length how many there are. torn: each block from there on is the recording's or
// zeros, which is what a power cut leaves. It reads no more than the recording explains.
func compare(folder Folder, from *original, size int64, as string,
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
		if same < length && !torn || length > most(size) { // nothing more is to be learnt
			info, err := folder.FS().Stat(as)
			if err != nil {
				return 0, 0, false, fmt.Errorf("look at the copy %s: %w", as, err)
			}
			return same, max(length, info.Size()), false, nil
		}
	}
}

// prefix is how many bytes two slices have in common from the first on.
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

const sector = 512

// blocksTorn reports whether each block is the wanted one, or zeros.
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

// provedTo is how many bytes of a file its own signatures prove. What follows no recording proves
// nothing.
func provedTo(folder Folder, as string, length int64) (int64, error) {
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

// onMedium is how many of a file's first bytes are on the medium as they read from memory.
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

// headSize is where a recording's head ends: a copy that has all of it is a copy of this recording.
func headSize(from *original, size int64) int64 {
	const member = 512
	at := int64(0)
	header := make([]byte, member)
	for range 5 { // READ-ME.txt, recording.json, key.age, consent.age, recording.note
		if at+member > size || from.read(header, at) != nil {
			return size
		}
		var length int64
		if _, err := fmt.Sscanf(string(header[124:135]), "%o", &length); err != nil {
			return size
		}
		at += member + (length+member-1)/member*member
	}
	return at
}
