// Package ledger is the unit's own log: what it did with recordings, one JSON line each,
// append-only and signed.
//
//	l, err := ledger.Open(fs, "ledger", "tacet/high-street/room-3/ledger", unit, false)
//	err = l.Append(ledger.Entry{Type: ledger.Started, Time: now, ID: id, Note: hash})   // on disk when it returns
//	head := l.Head()                                                                    // goes into each recording
//
// The lines, without their newlines, are the leaves of an RFC 6962 tree; its head is a C2SP
// checkpoint in a signed note. Whoever remembers a head can tell whether the ledger, as it is
// later, still begins with what was there then. Each line ends with a salt, so that nobody who sees
// the hash of a leaf can guess the line.
//
// Each ledger has an origin of its own, tacet/SITE/ROOM/ledger/ID with a random ID, which is the
// first line of its heads. So a ledger that was begun anew never passes for the one before. Ledgers
// of earlier versions have no ID, and their lines no salt; both stay as they are. Which origin it
// is, Open reads from the saved head.
//
// Beside the ledger lies NAME.head, the last head that was saved: by Open, SaveHead and Close. Open
// holds the lines against it. Lines after it are what was appended since. If the lines no longer
// are what was signed, that does not stop the unit: the old ledger is put aside as NAME.broken.1
// and so on, a new one starts with an entry that names the size and root that were signed, and
// Broken says so until somebody has taken the files away.
//
// Where neither ledger nor head is there, Open begins a ledger. That is right once in a unit's
// life, when its key is made. At any later start somebody has removed both: the new ledger starts
// with an entry that says so, and Missing says so until somebody has taken the file NAME.new away.
//
// Head, Broken, Missing and Size never wait for the disk: they say what was on it when the last
// operation had succeeded.
//
// An entry costs one write and one sync. After a failed write or sync the file is never written on:
// the next Append first copies what was acknowledged into a new file, proves it, and puts it in
// place of the old one. The line that failed may be seen by the next Open, if the process ends
// before that; it is never seen beside a second try.
//
// A file grows to 4 MiB, most of a year; then it is kept as NAME.0000012345, by its first leaf, and
// a new one continues the tree. The oldest go when there are more than 16.
package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/health"
)

const (
	maxFile  = 4 << 20 // bytes of one file
	maxParts = 16      // files that were continued, and are kept
	maxAside = 8       // files put aside because they did not hold
)

// Ledger is an open ledger. Any goroutine may use it.
type Ledger struct {
	fs    durable.FS
	name  string
	place string // what the origins of this unit's ledgers start with
	unit  note.Signer
	limit int64 // maxFile, less in tests

	broken, missing error // do not change after Open

	acked atomic.Pointer[acked] // what is on the disk, for those who must not wait

	mu     sync.Mutex   // guards all below; held while the disk is written
	origin string       // of this ledger
	file   durable.File // nil: must not be written on, or closed
	tree   tree         // of what was acknowledged
	first  int64        // the number of the file's first leaf
	bytes  int64        // of the file that were acknowledged
	head   []byte       // signed, of the tree
	saved  int64        // leaves under the head that was saved
	closed bool
}

// acked is a state of the ledger that is on the disk.
type acked struct {
	head []byte
	size int64
}

// become makes a state that is on the disk the ledger's own. The file holds n bytes, and its first
// leaf has the number first.
func (l *Ledger) become(t tree, first, n int64, head []byte) {
	l.tree, l.first, l.bytes, l.head = t, first, n, head
	l.acked.Store(&acked{head, t.size})
}

// An Error is a ledger that can't be read or written.
type Error struct {
	Doing string
	Err   error
}

func (e *Error) Error() string { return e.Doing + " the ledger: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Code is the warning that goes with it.
func (e *Error) Code() health.Code { return health.LedgerError }

// Open opens the ledger called name in a folder, and begins it where there is none. Place is the
// unit's, tacet/SITE/ROOM/ledger: the ledger's origin starts with it. First says that the unit's
// key was made in this start, so that there can be no ledger yet. An error means that the disk
// failed, and that it may be tried again; a ledger that does not hold, or that was removed, is no
// error: see Broken and Missing.
func Open(fsys durable.FS, name, place string, unit note.Signer, first bool) (*Ledger, error) {
	return open(fsys, name, place, unit, first, maxFile)
}

func open(fsys durable.FS, name, place string, unit note.Signer, first bool, limit int64) (*Ledger, error) {
	l := &Ledger{fs: fsys, name: name, place: place, unit: unit, limit: limit}
	if err := l.open(first); err != nil {
		if l.file != nil {
			l.file.Close()
		}
		return nil, &Error{"open", err}
	}
	return l, nil
}

// Append writes an entry and syncs it. When it returns nil the entry is on disk; otherwise it is
// not in the ledger, and the next Append makes good first.
func (l *Ledger) Append(e Entry) error {
	if e.Type == broken || e.Type == continued || e.Type == missing {
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
	l.become(tree, l.first, l.bytes+int64(len(line))+1, head)
	return nil
}

// drop lets go of a file that must not be written on.
func (l *Ledger) drop() {
	l.file.Close()
	l.file = nil
}

// Head is the signed head over all that was appended and is on the disk. It never waits.
func (l *Ledger) Head() []byte { return bytes.Clone(l.acked.Load().head) }

// Origin is what the heads of this ledger start with; another ledger of the unit has another. It
// never waits.
func (l *Ledger) Origin() string {
	origin, _, _ := strings.Cut(string(l.acked.Load().head), "\n")
	return origin
}

// Size is the number of entries since the ledger began. It never waits.
func (l *Ledger) Size() int64 { return l.acked.Load().size }

// Broken tells of ledgers that did not hold and were put aside, at this start or before; nil if
// there are none. It never waits.
func (l *Ledger) Broken() error { return l.broken }

// Missing tells of a ledger that was not there although the unit had a key, at this start or
// before, until the file that says so has been taken away; else it is nil. It never waits.
func (l *Ledger) Missing() error { return l.missing }

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
func (e *BrokenError) Code() health.Code { return health.LedgerBroken }

// SaveHead writes the signed head beside the ledger, if it is not there. It costs two syncs, so
// that entries don't: call it when a recording has ended.
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
