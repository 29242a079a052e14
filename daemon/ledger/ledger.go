// Package ledger is the unit's own log of what it did with recordings: one JSON line per entry,
// append-only and signed.
//
//	l, err := ledger.Open(fs, "ledger", "tacet/high-street/room-3/ledger", unit, false)
//	err = l.Append(ledger.Entry{Type: ledger.Started, Time: now, ID: id, Note: hash})   // on disk when it returns
//	head := l.Head()                                                                    // goes into each recording
//
// The lines, without their newlines, are the leaves of an RFC 6962 tree; its head is a C2SP
// checkpoint in a signed note. Anybody who keeps a head can check later that the ledger still
// starts with the entries it had then. Each line ends with a salt, so that nobody can guess the
// line from the hash of its leaf.
//
// Each ledger has its own origin, tacet/SITE/ROOM/ledger/ID with a random ID, which is the first
// line of its heads. So a new ledger never passes for the one before. Ledgers of versions before
// 1.0 have no ID, and their lines no salt; both stay as they are. Open reads the origin from the
// saved head.
//
// Beside the ledger lies NAME.head, the last head that was saved: by Open, SaveHead and Close. Open
// checks the lines against it; lines after it were appended since. If the lines are not what was
// signed, the unit goes on: the old ledger is put aside as NAME.broken.1 and so on, a new one
// starts with an entry that gives the signed size and root, and Broken reports it until somebody
// removes the files.
//
// If neither ledger nor head exists, Open makes a ledger. That is right once in a unit's life, when
// its key is made. At any later start somebody has removed both: the new ledger starts with an
// entry that says so, and Missing reports it until somebody removes the file NAME.new.
//
// Head, Broken, Missing and Size never wait for the disk: they return its state after the last
// successful operation.
//
// An entry costs one write and one sync. After a failed write or sync the file is never written
// again: the next Append first copies the acknowledged lines into a new file, verifies it, and
// replaces the old one. If the process ends before that, the next Open may see the line that
// failed; it never sees it beside a second try.
//
// A file grows to 4 MiB, most of a year. It is then kept as NAME.0000012345, after the number of
// its first leaf, and a new file continues the tree. Of more than 16 such files, the oldest are
// removed.
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
	maxParts = 16      // full files that are kept
	maxAside = 8       // broken files that are kept
)

// Ledger is an open ledger. Any goroutine may use it.
type Ledger struct {
	fs    durable.FS
	name  string
	place string // prefix of the origins of this unit's ledgers
	unit  note.Signer
	limit int64 // maxFile, less in tests

	broken, missing error // constant after Open

	acked atomic.Pointer[acked] // what is on disk, for callers that must not wait

	mu     sync.Mutex   // guards all below; held while the disk is written
	origin string       // of this ledger
	file   durable.File // nil if it must not be written, or is closed
	tree   tree         // of the acknowledged lines
	first  int64        // number of the file's first leaf
	bytes  int64        // size of the acknowledged lines in the file
	head   []byte       // of tree, signed
	saved  int64        // number of leaves under the saved head; -1 if it must be saved
	closed bool
}

// acked is a state of the ledger that is on disk.
type acked struct {
	head []byte
	size int64
}

// setState sets the ledger to a state that is on disk. The file holds n bytes, and first is the
// number of its first leaf.
func (l *Ledger) setState(t tree, first, n int64, head []byte) {
	l.tree, l.first, l.bytes, l.head = t, first, n, head
	l.acked.Store(&acked{head, t.size})
}

// Error says that the ledger can't be read or written.
type Error struct {
	Doing string
	Err   error
}

func (e *Error) Error() string { return e.Doing + " the ledger: " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Code returns the warning to raise.
func (e *Error) Code() health.Code { return health.LedgerError }

// Open opens the ledger called name in a folder, or makes it if there is none. place is the unit's
// tacet/SITE/ROOM/ledger, the prefix of the ledger's origin. first says that the unit's key was
// made at this start, so that there can be no ledger yet. An error means that the disk failed; Open
// may be tried again. A ledger that is broken or was removed is no error: see Broken and Missing.
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

// Append writes an entry and syncs it. When it returns nil the entry is on disk. Otherwise it is
// not in the ledger, and the next Append repairs the file first.
func (l *Ledger) Append(e Entry) error {
	if e.Type == broken || e.Type == continued || e.Type == missing {
		return fmt.Errorf("ledger entry %s is written by the ledger only", e.Type)
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
	l.setState(tree, l.first, l.bytes+int64(len(line))+1, head)
	return nil
}

// drop closes a file that must not be written any more.
func (l *Ledger) drop() {
	l.file.Close()
	l.file = nil
}

// Head returns the signed head over all entries on disk. It never waits.
func (l *Ledger) Head() []byte { return bytes.Clone(l.acked.Load().head) }

// Origin returns the first line of this ledger's heads, which no other ledger has. It never waits.
func (l *Ledger) Origin() string {
	origin, _, _ := strings.Cut(string(l.acked.Load().head), "\n")
	return origin
}

// Size returns the number of entries in the ledger. It never waits.
func (l *Ledger) Size() int64 { return l.acked.Load().size }

// Broken returns an error if ledgers were found broken and put aside, at this start or an earlier
// one. It never waits.
func (l *Ledger) Broken() error { return l.broken }

// Missing returns an error if the ledger was missing although the unit had a key, at this start or
// an earlier one, until its marker file is removed. It never waits.
func (l *Ledger) Missing() error { return l.missing }

// BrokenError reports ledgers that were put aside.
type BrokenError struct {
	Why  string   // empty if it happened before this start
	Kept []string // file names
}

func (e *BrokenError) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("an earlier ledger was broken and was put aside: %v", e.Kept)
	}
	return fmt.Sprintf("the ledger is broken: %s; kept: %v", e.Why, e.Kept)
}

// Code returns the warning to raise.
func (e *BrokenError) Code() health.Code { return health.LedgerBroken }

// SaveHead saves the signed head beside the ledger, if it changed. It costs two syncs, too many for
// each entry: call it when a recording has ended.
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

// Close saves the head and closes the file. Append fails after that.
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
