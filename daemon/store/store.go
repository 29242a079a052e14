//go:build unix

// Package store copies every recording from the spool to the configured stores: thumb drives,
// folders or shares, SFTP servers, S3 servers.
//
// Each store has one follower, which reads what the spool has synced and appends it to the copy
// while the recording is still running. When the recording has ended, the copy is read back from
// the medium and compared. Only then does it count as held, and only then may the spool's copy be
// removed.
//
// How failures are handled:
//
//   - If a store isn't there, its recordings wait on the unit. It is tried again with growing
//     pauses, and at once when something was plugged in or mounted.
//   - After any interruption a follower reads the copy, compares it with the spool, and continues
//     at the first missing byte.
//   - If a file with a recording's name holds something else, it is never touched: the copy gets
//     another name (see [Beside]), with a warning. The same goes for a copy that is longer than the
//     spool's file and valid as far as it goes: a spool that lost synced data must not cost the
//     better copy.
//   - After a failed write or sync the copy is written to a new file, which replaces the old one
//     once it is on the medium.
//   - A store that hangs blocks its own goroutine only.
//   - A store that can't do everything is used for what it can (see [Limited]). If files can't be
//     appended to, a copy is written again from its start; if they can't be replaced, it gets
//     another name. A store's report that it is full counts only if it refuses a write.
//   - No more is read from a store than the recording explains: a file of terabytes with a copy's
//     name is left alone and reported.
//
// The doctor command tries a store by having a follower copy something there (see [Probe]), so its
// result is the unit's.
//
// Only three things are ever removed from a store, each only if verified: a copy that is older than
// [Place].Keep while another store holds the recording, so that the last copy never goes; the head
// of a discarded recording; and the temporary file of an interrupted copy (NAME.tacet.tmp).
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

// A Kind is a configured store, and how to reach it. One goroutine at a time calls its methods.
type Kind interface {
	// Open reaches the store. If the cause of a failure is known the error is a [*Trouble]. It may
	// take long, and ends with ctx if possible.
	Open(ctx context.Context) (Medium, error)
	// Changed receives when it may be worth opening the store again, or checking an open medium,
	// because something was mounted or unmounted. It may be nil.
	Changed() <-chan struct{}
}

// A Medium is an open store, until it fails or is closed. It is a [Folder] or a [Bucket]. One
// goroutine uses it; any may call Abort.
type Medium interface {
	// ID distinguishes this medium from another in its place: a drive's mark and mount, a server's
	// address.
	ID() string
	// Check returns, as a [*Trouble], why the medium can no longer be used, or nil if no reason is
	// known. cause is the error of an operation on it, or nil.
	Check(cause error) error
	// Abort makes current and later operations fail, if possible. Any goroutine may call it.
	Abort()
	Close() error
}

// A Folder holds copies as files that can grow.
type Folder interface {
	Medium
	// FS is the folder of the copies.
	FS() durable.FS
	// ReadBack opens a synced copy to read it from its start: from the medium, not from this
	// machine's memory. It fails if that is impossible.
	ReadBack(name string) (io.ReadCloser, error)
}

// A Bucket holds copies as objects, which are made complete, after the recording's end.
type Bucket interface {
	Medium
	// Put makes an object of size bytes. It continues an interrupted Put of the same bytes. If the
	// name exists it leaves that object alone and returns fs.ErrExist.
	Put(ctx context.Context, name string, from io.ReaderAt, size int64) error
	// Get opens an object and returns its size, or -1 if the server doesn't report it. If there is
	// none the error is fs.ErrNotExist.
	Get(ctx context.Context, name string) (object io.ReadCloser, size int64, err error)
}

// A Limited is a medium that lacks something but can still be used.
type Limited interface {
	// Limits returns what is missing and what follows from it, as far as it is known by now: one
	// sentence each.
	Limits() []string
}

// A Trouble is the reason why a store can't be used now.
type Trouble struct {
	// Code is the warning to raise: store-missing, store-full, …
	Code health.Code
	Err  error
}

func (t *Trouble) Error() string { return t.Err.Error() }
func (t *Trouble) Unwrap() error { return t.Err }

// State returns the trouble as a state, for telemetry.
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

// troubleOf returns err as a [*Trouble]: store-error if its cause is unknown.
func troubleOf(err error) *Trouble {
	if t := (*Trouble)(nil); errors.As(err, &t) {
		return &Trouble{t.Code, shorten(t.Err)}
	}
	return &Trouble{health.StoreError, shorten(err)}
}

// maxText limits the text of an error, in bytes: a server may send any amount.
const maxText = 1000

// A shortError says only the start of what an error says.
type shortError struct{ err error }

func shorten(err error) error {
	if len(err.Error()) <= maxText {
		return err
	}
	return &shortError{err}
}

func (e *shortError) Error() string { return strings.ToValidUTF8(e.err.Error()[:maxText], "") + " …" }
func (e *shortError) Unwrap() error { return e.err }

// How often the copies of a live recording are appended to, synced and checked. A sync on a FAT
// drive rewrites the same few blocks, so syncs are less frequent than the spool's.
const (
	appendEvery = 5 * time.Second
	syncEvery   = 15 * time.Second
	checkEvery  = 2500 * time.Millisecond
)
