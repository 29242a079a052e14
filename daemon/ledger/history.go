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

// History calls visit with the entries that are kept, oldest first, up to the last one acknowledged
// when it was called. It reads them from disk; Append can go on meanwhile.
func (l *Ledger) History(visit func(Entry)) error {
	if err := l.history(visit); err != nil {
		return &Error{"read", err}
	}
	return nil
}

func (l *Ledger) history(visit func(Entry)) error {
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
		if err := l.visitPart(name, visit); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return visitLines(io.NewSectionReader(file, 0, size), visit)
}

// Peek calls visit with the entries as they are on disk, oldest first, for a process that is not
// the ledger's owner: it proves nothing and writes nothing. It leaves out a torn last line.
func Peek(fsys durable.FS, name string, visit func(Entry)) error {
	l := &Ledger{fs: fsys, name: name}
	parts, err := l.parts()
	if err != nil {
		return &Error{"read", err}
	}
	if _, err := fsys.Stat(name); err == nil {
		parts = append(parts, name)
	}
	for _, part := range parts {
		err := l.visitPart(part, visit)
		if err != nil && (part != name || !errors.As(err, new(*json.SyntaxError))) {
			return &Error{"read", fmt.Errorf("%s: %w", part, err)}
		}
	}
	return nil
}

// acknowledged opens the present file. It stays readable if another file takes its name.
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

func (l *Ledger) visitPart(name string, visit func(Entry)) error {
	f, err := l.fs.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return visitLines(io.LimitReader(f, 4*maxFile), visit)
}

func visitLines(r io.Reader, visit func(Entry)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxLine+1)
	for lines.Scan() {
		var e Entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return fmt.Errorf("a line is not an entry: %w", err)
		}
		visit(e)
	}
	return lines.Err()
}

// part returns the name of a full file, by its first leaf.
func (l *Ledger) part(first int64) string { return fmt.Sprintf("%s.%010d", l.name, first) }

// parts returns the names of the full files, oldest first.
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
