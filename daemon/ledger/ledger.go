// Package ledger is the unit's own log: what it did with recordings, one JSON line each, append-only and signed.
//
//	l, err := ledger.Open(fs, "ledger", "tacet/high-street/room-3/ledger", unit)
//	err = l.Append(ledger.Entry{Type: ledger.Started, Time: now, ID: id, Note: hash})   // on disk when it returns
//	head := l.Head()                                                                    // goes into each recording
//
// The lines, without their newlines, are the leaves of an RFC 6962 tree; its head is a C2SP checkpoint in a signed note.
// Whoever remembers a head can tell whether the ledger, as it is later, still begins with what was there then.
//
// Beside the ledger lies NAME.head, the last head that was saved: by Open, SaveHead and Close. Open holds the lines
// against it. Lines behind it are what was appended since. If the lines no longer are what was signed, that does
// not stop the unit: the old ledger is put aside as NAME.broken.1 and so on, a new one begins with an entry that names
// the size and root that were signed, and Broken says so until somebody has taken the files away.
//
// An entry costs one write and one sync. After a failed write or sync the file is never written on: the next Append
// first copies what was acknowledged into a new file, proves it, and puts it in place of the old one. The line
// that failed may be seen by the next Open, if the process ends before that; it is never seen beside a second try.
//
// A file grows to 4 MiB, most of a year; then it is kept as NAME.0000012345, by its first leaf, and a new one continues
// the tree. The oldest go when there are more than 16.
package ledger

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
)

const (
	maxFile  = 4 << 20 // bytes of one file
	maxParts = 16      // files that were continued, and are kept
	maxAside = 8       // files put aside because they did not hold
)

// Ledger is an open ledger. Any goroutine may use it.
type Ledger struct {
	fs     durable.FS
	name   string
	origin string
	unit   note.Signer
	limit  int64 // maxFile, less in tests

	mu     sync.Mutex   // guards all below
	file   durable.File // nil: must not be written on, or closed
	tree   tree         // of what was acknowledged
	first  int64        // the number of the file's first leaf
	bytes  int64        // of the file that were acknowledged
	head   []byte       // signed, of the tree
	saved  int64        // leaves under the head that was saved
	broken error
	closed bool
}

// An Error is a ledger that can't be read or written.
type Error struct {
	Doing string
	Err   error
}

func (e *Error) Error() string { return e.Doing + " the ledger: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Code is the warning that goes with it.
func (e *Error) Code() string { return "ledger-error" }

// Open opens the ledger called name in a folder, and begins it where there is none. An error means that the disk failed,
// and that it may be tried again; a ledger that does not hold is no error, see Broken.
func Open(fsys durable.FS, name, origin string, unit note.Signer) (*Ledger, error) {
	return open(fsys, name, origin, unit, maxFile)
}

func open(fsys durable.FS, name, origin string, unit note.Signer, limit int64) (*Ledger, error) {
	l := &Ledger{fs: fsys, name: name, origin: origin, unit: unit, limit: limit}
	if err := l.open(); err != nil {
		if l.file != nil {
			l.file.Close()
		}
		return nil, &Error{"open", err}
	}
	return l, nil
}

// Append writes an entry and syncs it. When it returns nil the entry is on disk; otherwise it is not in the ledger,
// and the next Append makes good first.
func (l *Ledger) Append(e Entry) error {
	if e.Type == broken || e.Type == continued {
		return fmt.Errorf("ledger entry %s is the ledger's own", e.Type)
	}
	line, err := e.line()
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.append(line); err != nil {
		return &Error{"append to", err}
	}
	return nil
}

func (l *Ledger) append(line []byte) error {
	if l.closed {
		return errors.New("it is closed")
	}
	if l.file == nil {
		if err := l.repair(); err != nil {
			return err
		}
	}
	if l.bytes > 0 && l.bytes+int64(len(line)) >= l.limit {
		if err := l.continueInNew(); err != nil {
			return err
		}
	}
	tree := l.tree.with(line)
	head, err := tree.head().sign(l.origin, l.unit)
	if err != nil {
		return err
	}
	if _, err = l.file.Write(append(line, '\n')); err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.drop()
		return err
	}
	l.tree, l.head, l.bytes = tree, head, l.bytes+int64(len(line))+1
	return nil
}

// drop lets go of a file that must not be written on.
func (l *Ledger) drop() {
	l.file.Close()
	l.file = nil
}

// Head is the signed head over all that was appended.
func (l *Ledger) Head() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]byte(nil), l.head...)
}

// Size is the number of entries since the ledger began.
func (l *Ledger) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tree.size
}

// Broken tells of ledgers that did not hold and were put aside, at this start or before; nil if there are none.
func (l *Ledger) Broken() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.broken
}

// BrokenError tells of ledgers that were put aside.
type BrokenError struct {
	Why  string   // empty: it was before this start
	Kept []string // file names
}

func (e *BrokenError) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("an earlier ledger did not hold and was put aside: %v", e.Kept)
	}
	return fmt.Sprintf("the ledger does not hold: %s; kept: %v", e.Why, e.Kept)
}

// Code is the warning that goes with it.
func (e *BrokenError) Code() string { return "ledger-broken" }

// SaveHead writes the signed head beside the ledger, if it is not there. It costs two syncs, so that entries don't:
// call it when a recording has ended.
func (l *Ledger) SaveHead() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.saveHead(); err != nil {
		return &Error{"save the head of", err}
	}
	return nil
}

func (l *Ledger) saveHead() error {
	if l.saved == l.tree.size {
		return nil
	}
	if err := durable.WriteFile(l.fs, l.name+headSuffix, l.head); err != nil {
		return err
	}
	l.saved = l.tree.size
	return nil
}

// Close saves the head and closes the file. Nothing can be appended any more.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	err := l.saveHead()
	if l.file != nil {
		err = errors.Join(err, l.file.Close())
		l.file = nil
	}
	if err != nil {
		return &Error{"close", err}
	}
	return nil
}
