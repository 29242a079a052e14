package ledger

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"tacet/daemon/durable"
)

// History tells of the entries that are kept, oldest first, up to those that were acknowledged when
// it was called. It reads them from the disk, and keeps nobody from appending.
func (l *Ledger) History(tell func(Entry)) error {
	if err := l.history(tell); err != nil {
		return &Error{"read", err}
	}
	return nil
}

func (l *Ledger) history(tell func(Entry)) error {
	file, size, first, err := l.acknowledged()
	if err != nil {
		return err
	}
	defer file.Close()
	parts, err := l.parts()
	if err != nil {
		return err
	}
	for _, name := range parts {
		if name >= l.part(first) { // continued meanwhile: the open file is that part
			break
		}
		if err := l.tellPart(name, tell); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return tellLines(io.NewSectionReader(file, 0, size), tell)
}

// Peek tells of the entries as they lie there, oldest first, for a process that isn't the ledger's
// owner: it proves nothing, and writes nothing. A torn last line is left out.
func Peek(fsys durable.FS, name string, tell func(Entry)) error {
	l := &Ledger{fs: fsys, name: name}
	parts, err := l.parts()
	if err != nil {
		return &Error{"read", err}
	}
	if _, err := fsys.Stat(name); err == nil {
		parts = append(parts, name)
	}
	for _, part := range parts {
		whole := true
		err := l.tellPart(part, func(e Entry) {
			if whole = whole && e.Type != ""; whole {
				tell(e)
			}
		})
		if err != nil && (part != name || !errors.As(err, new(*json.SyntaxError))) {
			return &Error{"read", fmt.Errorf("%s: %w", part, err)}
		}
	}
	return nil
}

// acknowledged opens the file as it is now. Another may take its name; what was opened stays.
func (l *Ledger) acknowledged() (file durable.File, size, first int64, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, 0, 0, errors.New("it is closed")
	}
	if file, err = l.fs.Open(l.name); err != nil {
		return nil, 0, 0, err
	}
	return file, l.bytes, l.first, nil
}

func (l *Ledger) tellPart(name string, tell func(Entry)) error {
	f, err := l.fs.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return tellLines(io.LimitReader(f, 4*maxFile), tell)
}

func tellLines(r io.Reader, tell func(Entry)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxLine+1)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("a line is no entry: %w", err)
		}
		tell(e)
	}
	return lines.Err()
}

// part is the name of a file that was continued, by its first leaf.
func (l *Ledger) part(first int64) string { return fmt.Sprintf("%s.%010d", l.name, first) }

// parts are the names of the files that were continued, oldest first.
func (l *Ledger) parts() ([]string, error) {
	entries, err := l.fs.ReadDir(".")
	var parts []string
	for _, e := range entries {
		number, ours := strings.CutPrefix(e.Name(), l.name+".")
		if ours && len(number) == 10 && strings.Trim(number, "0123456789") == "" && e.Type().IsRegular() {
			parts = append(parts, e.Name())
		}
	}
	slices.Sort(parts)
	return parts, err
}
