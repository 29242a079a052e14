package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// OS returns the folder that root holds open. It stays the same folder if its path is renamed or
// another disk is mounted over it. The caller closes root.
func OS(root *os.Root) FS { return osFS{root} }

type osFS struct{ root *os.Root }

func (o osFS) Create(name string) (File, error) {
	// Don't return a nil *os.File as File: a nil pointer in an interface is not nil.
	f, err := o.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// osFile is a new file, which can reserve space.
type osFile struct{ *os.File }

func (f osFile) Reserve(size int64) error {
	if err := again(func() error { return reserve(f.File, size) }); err != nil {
		return &fs.PathError{Op: "reserve", Path: f.Name(), Err: err}
	}
	return nil
}

func (o osFS) Append(name string) (File, error) { return o.open(name, os.O_RDWR|os.O_APPEND) }

func (o osFS) Open(name string) (File, error) { return o.open(name, os.O_RDONLY) }

// open opens a regular file only: not the target of a link inside the folder, and not a pipe, which
// would block for ever. It compares the name before with the file after, in case the name was
// swapped.
func (o osFS) open(name string, flag int) (File, error) {
	before, err := o.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "open", Path: name, Err: ErrNotRegular}
	}
	f, err := o.root.OpenFile(name, flag|nonblock, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && !os.SameFile(before, after) {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("replaced while it was being opened")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (o osFS) Rename(from, to string) error {
	return again(func() error { return o.root.Rename(from, to) })
}

func (o osFS) Remove(name string) error {
	return again(func() error { return o.root.Remove(name) })
}

func (o osFS) Stat(name string) (fs.FileInfo, error) { return o.root.Lstat(name) }

func (o osFS) ReadDir(name string) ([]fs.DirEntry, error) { return o.list(name, MaxEntries) }

func (o osFS) list(name string, limit int) ([]fs.DirEntry, error) {
	dir, err := o.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var entries []fs.DirEntry
	for len(entries) <= limit {
		some, err := dir.ReadDir(min(1024, limit+1))
		entries = append(entries, some...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	if len(entries) > limit {
		return entries[:limit], fmt.Errorf("list %s: %w (more than %d)", name, ErrTooMany, limit)
	}
	return entries, nil
}

func (o osFS) SyncDir(name string) error {
	dir, err := o.root.Open(name)
	if err != nil {
		return err
	}
	err = syncDir(dir)
	if closeErr := dir.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Freeze removes only the write permissions: FAT file systems refuse any other change.
func (o osFS) Freeze(name string) error {
	info, err := o.root.Lstat(name)
	if err != nil {
		return err
	}
	return again(func() error { return o.root.Chmod(name, info.Mode().Perm()&^mayWrite) })
}

func (o osFS) Writable() error {
	dir, err := o.root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := again(func() error { return writable(dir) }); err != nil {
		return &fs.PathError{Op: "access", Path: o.root.Name(), Err: err}
	}
	return nil
}

func (o osFS) Space() (free, total int64, err error) {
	dir, err := o.root.Open(".")
	if err != nil {
		return 0, 0, err
	}
	defer dir.Close()
	err = again(func() error {
		free, total, err = space(dir)
		return err
	})
	if err != nil {
		return 0, 0, &fs.PathError{Op: "statfs", Path: o.root.Name(), Err: err}
	}
	return free, total, nil
}

const mayWrite = 0o222

// Frozen reports whether a file is read-only, as Freeze makes it.
func Frozen(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Mode().Perm()&mayWrite == 0
}

// again repeats a call that a signal interrupted. For open files package os does that itself.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// folder returns the folder that holds name.
func folder(name string) string { return path.Dir(name) }
