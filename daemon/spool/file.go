//go:build unix

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"tacet/daemon/durable"
)

// File is a recording that is being written.
type File struct {
	spool  *Spool
	name   string
	synced atomic.Int64

	mu       sync.Mutex // guards all below; held while the disk works
	file     durable.File
	reserved int64 // up to where the disk was asked for room
	err      error // after it nothing is written any more
	closed   bool
}

// Create makes the file of a new recording, and its name durable. On an error there is no such
// file, or an empty one that Recover removes.
func (s *Spool) Create(name string) (*File, error) {
	if _, ok := idOf(name); !ok {
		return nil, fmt.Errorf("create %q in the spool: not the name of a recording", name)
	}
	file, err := s.fs.Create(name)
	if err != nil {
		return nil, s.fault("create "+name+" in", err)
	}
	if err := s.fs.SyncDir("."); err != nil {
		file.Close()
		_ = s.fs.Remove(name)
		return nil, s.fault("create "+name+" in", err)
	}
	f := &File{spool: s, name: name, file: file}
	f.reserve(0)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[name] = f
	return f, nil
}

// Append writes b after all before and syncs it. When it returns nil, b is on disk. After an error
// the file is never written again, and every further Append returns that error.
func (f *File) Append(b []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	if len(b) == 0 {
		return nil
	}
	if end := f.synced.Load() + int64(len(b)); end > f.reserved {
		f.reserve(end)
	}
	_, err := f.file.Write(b)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		f.err = f.spool.fault("append to "+f.name+" in", err)
		return f.err
	}
	f.synced.Add(int64(len(b)))
	return nil
}

// reserveAhead is for some minutes of Opus, or ten seconds of WAV.
const reserveAhead = 1 << 20

// reserve has the disk set room aside for the file to grow beyond size. Where it can't, the file
// takes its room as it comes.
func (f *File) reserve(size int64) {
	f.reserved = size + reserveAhead
	if r, ok := f.file.(durable.Reserver); ok {
		_ = r.Reserve(f.reserved)
	}
}

// Synced is how many bytes are on disk. It does not wait for an Append under way.
func (f *File) Synced() int64 { return f.synced.Load() }

// Name is the file's name in the spool.
func (f *File) Name() string { return f.name }

// Close closes the file. One that has its end becomes read-only: it is finished. One that has not,
// or that could not be written to the end, is left for Recover.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	whole := f.err == nil && hasEnd(f.file, f.synced.Load())
	if f.err == nil {
		_ = f.file.Truncate(f.synced.Load()) // gives the rest of the room back; where that fails it goes with the file
	}
	f.closed = true
	if f.err == nil {
		f.err = fmt.Errorf("append to %s in the spool: %w", f.name, fs.ErrClosed)
	}
	err := f.file.Close()
	if whole && err == nil {
		// Should this fail, or not survive a power cut, the next start makes sure of the file once
		// more.
		err = f.spool.fs.Freeze(f.name)
	}
	f.spool.mu.Lock()
	defer f.spool.mu.Unlock()
	delete(f.spool.live, f.name)
	if err != nil {
		return f.spool.fault("close "+f.name+" in", err)
	}
	return nil
}

const (
	block   = 512
	sizeAt  = 124 // where a tar header holds the size of what follows
	magicAt = 257
)

// hasEnd reports whether a recording of which every byte is on disk is finished: end.note stands
// before the two blocks of zeros. It looks at no more than the end, and so tells nothing of a file
// that was interrupted.
func hasEnd(r io.ReaderAt, size int64) bool {
	const most = 8 * block // end.note with its header, and the zeros
	begin := max(0, size-most)
	tail := make([]byte, size-begin)
	if _, err := r.ReadAt(tail, begin); err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if len(tail) < 4*block || strings.Trim(string(tail[len(tail)-2*block:]), "\x00") != "" {
		return false
	}
	tail = tail[:len(tail)-2*block]
	for at := len(tail) - 2*block; at >= 0; at -= block {
		if name, length, ok := header(tail[at:]); ok {
			return name == "end.note" && at+block+(length+block-1)/block*block == len(tail)
		}
	}
	return false
}

// header reads name and size from a tar header.
func header(b []byte) (name string, size int, ok bool) {
	if len(b) < block || string(b[magicAt:magicAt+5]) != "ustar" {
		return "", 0, false
	}
	field, _, _ := bytes.Cut(b[:100], []byte{0})
	length, err := strconv.ParseUint(string(bytes.TrimRight(b[sizeAt:sizeAt+12], "\x00 ")), 8, 31)
	return string(field), int(length), err == nil
}
