// Package durable makes writes that survive a power cut. All data that must survive one is written
// through its narrow view of a folder.
//
// An [FS] is one folder and its content. Its operations are only the system calls that matter for
// keeping data, so that a faulty disk can replace a real one in tests: durabletest has one in
// memory that fails, fills up, hangs and loses power on demand. [OS] is the real one.
//
// What a caller must know about disks:
//
//   - Data is kept only after Sync has returned nil, a name only after SyncDir has. Until then a
//     power cut may undo that a file was created, renamed or removed.
//   - After an error from Sync or Write, never write to that file again. The kernel has marked its
//     pages clean: they can be read, a later Sync returns nil, and after the next start they are
//     gone. Start a new file from what is still in memory.
//   - Reading may be served from memory: it proves nothing about the disk.
//
// Not solved here: a disk that reports a sync as done when it is not; a bit that flips on the disk
// (callers who must know sign or hash their data); two processes that write the same file (the
// owner of a folder locks it).
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"

	"tacet/config/bounded"
)

// TempSuffix ends the name of a file that WriteFile has not finished. Nothing in such a file was
// acknowledged; the owner of the folder removes those that an interruption left.
const TempSuffix = ".tmp"

// MaxEntries limits a listing. No folder of the unit's has more.
const MaxEntries = 100_000

// ErrTooMany says that a folder has more than MaxEntries. It comes with the first of them.
var ErrTooMany = errors.New("too many files in the folder")

// ErrNotRegular is the error of opening a folder, a link, a pipe or a device.
var ErrNotRegular = errors.New("not a regular file")

// FS is a folder. Names are relative to it, use slashes, and never lead out of it; a symbolic link
// to a file is never followed. Any goroutine may use it.
type FS interface {
	// Create makes a new file with mode 0600. Every write goes to its end. The name must not exist.
	Create(name string) (File, error)
	// Append opens an existing file. Every write goes to its end.
	Append(name string) (File, error)
	// Open opens a file to read it.
	Open(name string) (File, error)
	// Rename renames a file in one step, and replaces the file with that name.
	Rename(from, to string) error
	Remove(name string) error
	// Stat describes the name itself: a link, not its target.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder ("." is the FS itself), sorted by name. It stops at MaxEntries with
	// ErrTooMany.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes the names in a folder durable.
	SyncDir(name string) error
	// Freeze makes a file read-only for good, which marks it as finished. Append then fails with
	// fs.ErrPermission, except for the superuser. A power cut may undo it, unless the file is
	// synced afterwards.
	Freeze(name string) error
	// Writable returns why nothing can be written here, or nil if there is no known reason. It
	// writes nothing.
	Writable() error
	// Space returns the free space and the size of the disk in bytes, at most math.MaxInt64. The
	// error is errors.ErrUnsupported if that is unknown, as with some network file systems.
	Space() (free, total int64, err error)
}

// Bytes returns blocks times size, at most math.MaxInt64. Unlimited disks report more.
func Bytes(blocks, size uint64) int64 {
	high, low := bits.Mul64(blocks, size)
	if high > 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}

// File is an open file. Read and ReadAt may run during a Write; only one goroutine may call the
// rest.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Sync returns nil when everything written is on disk. For errors see the package comment.
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
}

// A Reserver is a File that disk space can be reserved for.
type Reserver interface {
	// Reserve reserves disk space for the file to grow to size bytes; its length doesn't change.
	// Appending then needs no new blocks, and a sync only the file's own entry in the journal: on
	// ext4, at one small append per second, a quarter less is written. Truncate frees what was not
	// used. An error changes nothing: space is then taken as it is needed. See fallocate(2),
	// FALLOC_FL_KEEP_SIZE.
	Reserve(size int64) error
}

// WriteFile replaces the content of name by data, completely or not at all. Without errors it does:
//
//	openat(name.tmp, O_RDWR|O_CREAT|O_EXCL|O_APPEND, 0600)
//	write(data)
//	fsync
//	close
//	renameat(name.tmp, name)
//	openat(folder) fsync close
//
// When it returns nil, name holds data, even after a power cut. After an error name holds its old
// content or, if only the last two steps failed, data; the next power cut may change which. It
// never holds a part. Two callers must not write the same name at once.
func WriteFile(fsys FS, name string, data []byte) error {
	temp := name + TempSuffix
	f, err := fsys.Create(temp)
	if errors.Is(err, fs.ErrExist) { // left by an interruption
		if err = fsys.Remove(temp); err == nil {
			f, err = fsys.Create(temp)
		}
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err := Replace(fsys, f, err, temp, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Replace finishes a temporary file. It closes f and, if err is nil (f is written and synced),
// renames it to name and syncs the folder. Otherwise it removes temp and returns err.
func Replace(fsys FS, f File, err error, temp, name string) error {
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		_ = fsys.Remove(temp) // only tidies up: the next writer and the folder's owner remove it too
		return err
	}
	return fsys.SyncDir(folder(name))
}

// ReadFile reads a whole file of at most limit bytes.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := bounded.ReadAll(f, limit)
	if errors.Is(err, bounded.ErrTooLong) {
		return nil, fmt.Errorf("read %s: longer than %d bytes", name, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return data, nil
}
