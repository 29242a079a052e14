//go:build unix

// Package store carries every recording from the spool to the places that the practice chose: a
// thumb drive, a folder or share, an SFTP server, an S3 server.
//
// One follower for each place reads what the spool has synced and appends it to the copy there,
// while the recording still runs. When the recording has ended the copy is read back from the
// medium and compared; only then does it count as held, and only then may the spool's copy go.
//
// What breaks, and what follows from it:
//
//   - A place that is not there waits, and so do its recordings, on the unit. It is tried again with growing pauses,
//     and at once when something was plugged in or mounted.
//   - After any interruption a follower reads what the copy holds, compares it with the spool, and goes on at the
//     first byte that is missing.
//   - A file that holds something else under a recording's name is never touched: the copy takes another name beside
//     it (see [Beside]), and a warning says so. So with a copy that is longer than the spool's file and proves to be whole
//     as far as it goes: a disk that lost what it had promised must not cost the better copy.
//   - After a failed write or sync a copy is made anew in a new file, which takes the old one's name when it is on the medium.
//   - A place that hangs keeps its one goroutine, and nothing else.
//   - A place that can't do everything is used for what it can (see [Limited]): it may refuse that a file is written on, or takes another's place;
//     a copy is then made anew, or gets a name beside. Its word that it is full counts only when it refuses a write.
//   - Nothing is read from a place that the recording doesn't explain: a file of terabytes under a copy's name is left where it is, and said.
//
// Doctor tries a place by having a follower bring something there (see [Probe]), so that its word
// and the unit's fate are one.
//
// Nothing is removed from a place but these, and only what is proved to be them: a copy that was
// kept there as long as it should (see [Place]) while another store holds the recording, so that
// the last one never goes; the beginning of a recording that came to nothing; and what an
// interruption left of a copy that was being made anew (NAME.tacet.tmp).
package store

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// A Kind is a configured place, and how to reach it. Its methods are called by one goroutine at a
// time.
type Kind interface {
	// Open reaches the place. Where the cause of a failure is known the error is a [*Trouble]. It
	// may take long, and ends with ctx where that can be had.
	Open(ctx context.Context) (Medium, error)
	// Changed receives when it may be worth opening again, or looking at what is open: something
	// was mounted or unmounted. nil where nobody would know.
	Changed() <-chan struct{}
}

// A Medium is a place that was reached, until it fails or is closed. It is a [Folder] or a
// [Bucket]. One goroutine uses it, but for Abort.
type Medium interface {
	// ID tells this medium from another that might have come into its place: a drive's mark and
	// mount, a server's address.
	ID() string
	// Check says, as a [*Trouble], why the medium can't be used any longer; nil as far as can be
	// told. cause is what an operation on it failed with, or nil.
	Check(cause error) error
	// Abort makes operations under way, and all later ones, fail where that can be had. Any
	// goroutine may call it.
	Abort()
	Close() error
}

// A Folder holds copies as files that can grow.
type Folder interface {
	Medium
	// FS is the folder that the copies lie in.
	FS() durable.FS
	// ReadBack opens a copy, synced before, to read it from its begin: from the medium, and not
	// from this machine's memory. An error says that this can't be had.
	ReadBack(name string) (io.ReadCloser, error)
}

// A Bucket holds copies as objects that come into being whole, after the recording's end.
type Bucket interface {
	Medium
	// Put makes an object of size bytes; it goes on where an earlier Put of the same bytes was
	// interrupted. fs.ErrExist says that there is one of that name, which is left as it is.
	Put(ctx context.Context, name string, from io.ReaderAt, size int64) error
	// Get reads an object, and says how long it is; -1: the server doesn't tell before.
	// fs.ErrNotExist: there is none.
	Get(ctx context.Context, name string) (object io.ReadCloser, size int64, err error)
}

// A Limited is a medium that can't do all that a follower would have it do, and is used
// nevertheless.
type Limited interface {
	// Limits says what is missing and what follows from it, as far as it is known by now: one
	// sentence each.
	Limits() []string
}

// A Trouble is a place that can't be used now, and why.
type Trouble struct {
	// Code is the warning that goes with it: store-missing, store-full, …
	Code health.Code
	Err  error
}

func (t *Trouble) Error() string { return t.Err.Error() }
func (t *Trouble) Unwrap() error { return t.Err }

// State is the trouble in a word, for telemetry.
func (t *Trouble) State() topic.Store {
	switch t.Code {
	case health.StoreMissing, health.StoreForeign, health.DriveNew:
		return topic.StoreMissing
	case health.StoreFull:
		return topic.StoreFull
	case health.StoreReadOnly:
		return topic.StoreReadOnly
	}
	return topic.StoreError
}

// troubleOf is err as a [*Trouble]: store-error where its cause is not known.
func troubleOf(err error) *Trouble {
	if t := (*Trouble)(nil); errors.As(err, &t) {
		return &Trouble{t.Code, brief(t.Err)}
	}
	return &Trouble{health.StoreError, brief(err)}
}

// maxText bounds what is repeated of an error: a server may say as much as it likes, in bytes.
const maxText = 1000

// A briefError says only the start of what an error says.
type briefError struct{ err error }

func brief(err error) error {
	if len(err.Error()) <= maxText {
		return err
	}
	return &briefError{err}
}

func (e *briefError) Error() string { return strings.ToValidUTF8(e.err.Error()[:maxText], "") + " …" }
func (e *briefError) Unwrap() error { return e.err }

// appendEvery and syncEvery are how often a running recording is appended to its copies, and these
// are synced. A sync on a FAT drive rewrites the same few blocks: it comes less often than the
// spool's.
const (
	appendEvery = 5 * time.Second
	syncEvery   = 15 * time.Second
	checkEvery  = 2500 * time.Millisecond
)
