//go:build unix

package spool

import (
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// File is a recording that is being written.
type File struct {
	spool  *Spool
	name   string
	synced atomic.Int64

	mu       sync.Mutex // guards all below; held while the disk works
	file     durable.File
	reserved int64 // size up to which disk space was reserved
	err      error // once set, nothing more is written
	closed   bool
}

// Create makes the file of a new recording; its name is on disk when Create returns. After an error
// there is no file, or an empty one that Recover removes.
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

// Append appends b and syncs it. When it returns nil, b is on disk. After an error the file is never
// written again, and every further Append returns that error.
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

// reserveAhead is some minutes of Opus, or ten seconds of WAV.
const reserveAhead = 1 << 20

// reserve reserves disk space for the file to grow beyond size. If the disk can't, the file takes
// its space as it grows.
func (f *File) reserve(size int64) {
	f.reserved = size + reserveAhead
	if r, ok := f.file.(durable.Reserver); ok {
		_ = r.Reserve(f.reserved)
	}
}

// Synced returns the number of bytes on disk. It doesn't wait for an Append in progress.
func (f *File) Synced() int64 { return f.synced.Load() }

// Name is the file's name in the spool.
func (f *File) Name() string { return f.name }

// Close closes the file. If it has its end it becomes read-only: it is finished. Otherwise it is left
// for Recover.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil
	}
	whole := f.err == nil && recording.HasEnd(f.file, f.synced.Load())
	if f.err == nil {
		_ = f.file.Truncate(f.synced.Load()) // frees the reserved space; else it is freed with the file
	}
	f.closed = true
	if f.err == nil {
		f.err = fmt.Errorf("append to %s in the spool: %w", f.name, fs.ErrClosed)
	}
	err := f.file.Close()
	if whole && err == nil {
		// If this fails, or doesn't survive a power cut, the next start recovers the file again.
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
