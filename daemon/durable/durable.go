// Package durable makes writes that survive a power cut, and is the narrow view of a folder that
// everything which must survive one is written through.
//
// An [FS] is one folder and what lies in it. Its operations are no more than the system calls that
// matter for keeping data, so that a faulty disk can stand in for a real one: durabletest holds one
// in memory which fails, fills up, hangs and loses power on demand. [OS] is the real one.
//
// What a caller has to know about disks:
//
//   - What was written is kept only after Sync has returned nil. A name is kept only after SyncDir has:
//     a file that was created, renamed or removed before a cut may be there or not until then.
//   - After an error from Sync or Write, never write on in that file. The kernel has marked its pages
//     clean: they read as if they were there, a later Sync says nil, and after the next start they are
//     gone. Start a new file from what is still held.
//   - What reads back may come from memory: reading proves nothing about the disk.
//
// What is not solved here: a disk that says a sync is done when it is not; a bit that turns over on
// the disk (whoever needs to know signs or hashes what they keep); two processes that write the
// same file (the owner of a folder locks it).
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

// TempSuffix ends the name of a file that WriteFile has not finished. Such a file holds nothing
// that anybody was promised; the owner of the folder removes what an interruption left.
const TempSuffix = ".tmp"

// MaxEntries bounds a listing: a folder with more of them is not ours to walk.
const MaxEntries = 100_000

// ErrTooMany comes with the first MaxEntries of a folder that has more.
var ErrTooMany = errors.New("too many files in the folder")

// ErrNotRegular is the answer to opening a folder, a link, a pipe or a device.
var ErrNotRegular = errors.New("not a regular file")

// FS is a folder. Names are relative to it, with slashes, and never lead out of it; a symbolic link
// is never followed to a file. Any number of goroutines may use it.
type FS interface {
	// Create makes a file with mode 0600 that must not exist. Every write goes to its end.
	Create(name string) (File, error)
	// Append opens a file that exists. Every write goes to its end.
	Append(name string) (File, error)
	// Open opens a file to read it.
	Open(name string) (File, error)
	// Rename gives a file a new name, in one step, in place of what had it.
	Rename(from, to string) error
	Remove(name string) error
	// Stat tells of the name itself: of a link, not of what it points to.
	Stat(name string) (fs.FileInfo, error)
	// ReadDir lists a folder ("." is the FS itself), sorted by name. It stops at MaxEntries with
	// ErrTooMany.
	ReadDir(name string) ([]fs.DirEntry, error)
	// SyncDir makes durable which names the folder holds.
	SyncDir(name string) error
	// Freeze makes a file read-only, for good: it is finished. Append then refuses it, with
	// fs.ErrPermission, but for a superuser. It is a mark that a power cut may lose, unless the
	// file is synced after it.
	Freeze(name string) error
	// Writable says, without writing, why nothing can be written here; nil as far as can be told.
	Writable() error
	// Space is what may still be written, and the size of the disk, in bytes.
	// errors.ErrUnsupported: nobody can tell, as of some network file systems. What is more than an
	// int64 holds is the largest that it holds.
	Space() (free, total int64, err error)
}

// Bytes is how many bytes so many blocks are: at most what an int64 holds. Disks without an end
// tell of more.
func Bytes(blocks, size uint64) int64 {
	high, low := bits.Mul64(blocks, size)
	if high > 0 || low > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(low)
}

// File is an open file. Read and ReadAt may be used beside a Write; all else is the owner's alone.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.Closer
	// Sync returns nil when everything written is on the disk. After an error, see the package
	// comment.
	Sync() error
	Truncate(size int64) error
	Stat() (fs.FileInfo, error)
}

// A Reserver is a File that room can be set aside for.
type Reserver interface {
	// Reserve has the disk set room aside for the file to grow to size bytes; its length stays.
	// What is appended then needs no new blocks, and a sync no more than the file's own entry in
	// the journal: on ext4 a quarter less is written, at one small append a second. Truncate gives
	// back what was not used. After an error all is as before: room is then found as it is needed.
	// See fallocate(2), FALLOC_FL_KEEP_SIZE.
	Reserve(size int64) error
}

// WriteFile replaces what name holds by data, wholly or not at all. The good path:
//
//	openat(name.tmp, O_RDWR|O_CREAT|O_EXCL|O_APPEND, 0600)
//	write(data)
//	fsync
//	close
//	renameat(name.tmp, name)
//	openat(folder) fsync close
//
// When it returns nil, name holds data, and will after a power cut. When it returns an error, name
// holds what it held before or, if only the last two steps failed, data; which of the two may
// change with the next power cut. It never holds a part. Two callers must not write the same name
// at once.
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

// Replace ends the writing of a temporary file: it closes f and, if all went well so far (err is
// nil, f is written and synced), gives it its name and syncs the folder. Otherwise it removes temp
// and returns the error.
func Replace(fsys FS, f File, err error, temp, name string) error {
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = fsys.Rename(temp, name)
	}
	if err != nil {
		_ = fsys.Remove(temp) // only tidier: the next writer and the folder's owner remove it too
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
