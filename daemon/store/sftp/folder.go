//go:build unix

package sftp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/pkg/sftp"

	"tacet/daemon/durable"
)

// folder is the server's folder as a file system.
type folder struct{ *medium }

var _ durable.FS = folder{}

// do carries out one request, on the path that name has on the server.
func (f folder) do(op, name string, request func(at string) error) error {
	err := fs.ErrInvalid
	if fs.ValidPath(name) {
		defer f.conn.Await()()
		err = request(path.Join(f.kind.Path, name))
	}
	return named(op, name, err)
}

// change is do for what must not be the folder itself.
func (f folder) change(op, name string, request func(at string) error) error {
	if name == "." {
		return named(op, name, fs.ErrInvalid)
	}
	return f.do(op, name, request)
}

func named(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

func (f folder) Create(name string) (durable.File, error) {
	var made *sftp.File
	err := f.change("create", name, func(at string) error {
		var err error
		made, err = f.files.OpenFile(at, os.O_RDWR|os.O_CREATE|os.O_EXCL)
		if failed(err) { // the server has no code for it
			if _, there := f.files.Lstat(at); there == nil {
				err = fs.ErrExist
			}
		}
		if err != nil {
			return err
		}
		// The protocol could carry the mode with the opening; the library can't. A server that keeps modes to itself may refuse.
		if err := made.Chmod(0o600); errors.Is(err, sftp.ErrSSHFxConnectionLost) {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{medium: f.medium, name: name, file: made}, nil
}

func (f folder) Open(name string) (durable.File, error) { return f.open(name, os.O_RDONLY) }

func (f folder) Append(name string) (durable.File, error) { return f.open(name, os.O_RDWR) }

// open opens what was a regular file a moment before. SFTP has no way to be surer; a pipe would hang the server.
func (f folder) open(name string, flag int) (durable.File, error) {
	var opened *sftp.File
	var size int64
	err := f.do("open", name, func(at string) error {
		before, err := f.files.Lstat(at)
		if err != nil {
			return err
		}
		if !before.Mode().IsRegular() {
			return durable.ErrNotRegular
		}
		if opened, err = f.files.OpenFile(at, flag); err != nil {
			return err
		}
		after, err := opened.Stat()
		if err == nil && (!after.Mode().IsRegular() || after.Size() < 0) {
			err = durable.ErrNotRegular
		}
		if err != nil {
			opened.Close()
			return err
		}
		size = after.Size()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{medium: f.medium, name: name, file: opened, end: size}, nil
}

// Rename needs posix-rename@openssh.com to take another file's place in one step. Without it, servers refuse when there is one.
func (f folder) Rename(from, to string) error {
	return f.change("rename", from, func(at string) error {
		if !fs.ValidPath(to) || to == "." {
			return fs.ErrInvalid
		}
		target := path.Join(f.kind.Path, to)
		if _, ok := f.files.HasExtension("posix-rename@openssh.com"); ok {
			return f.files.PosixRename(at, target)
		}
		return f.files.Rename(at, target)
	})
}

func (f folder) Remove(name string) error { return f.change("remove", name, f.files.Remove) }

func (f folder) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := f.do("stat", name, func(at string) (err error) {
		info, err = f.files.Lstat(at)
		return err
	})
	return info, err
}

// maxListing bounds what a listing may take on the wire, which is some 300 bytes for each name of ours. Tests make it less.
var maxListing = 64 << 20

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	var infos []fs.FileInfo
	err := f.do("list", name, func(at string) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		defer f.conn.Limit(maxListing, func() { cancel(durable.ErrTooMany) })()
		var err error
		if infos, err = f.files.ReadDirContext(ctx, at); ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return strings.Compare(a.Name(), b.Name()) })
	var entries []fs.DirEntry
	for _, info := range infos[:min(len(infos), durable.MaxEntries)] {
		entries = append(entries, fs.FileInfoToDirEntry(info))
	}
	if len(infos) > durable.MaxEntries {
		err = fmt.Errorf("list %s: %w (more than %d)", name, durable.ErrTooMany, durable.MaxEntries)
	}
	return entries, err
}

// SyncDir only says whether the folder is there: SFTP can't do more (see the package comment).
func (f folder) SyncDir(name string) error {
	return f.do("sync", name, func(at string) error {
		info, err := f.files.Stat(at)
		if err == nil && !info.IsDir() {
			err = fs.ErrInvalid
		}
		return err
	})
}

const mayWrite = 0o222

func (f folder) Freeze(name string) error {
	return f.change("freeze", name, func(at string) error {
		info, err := f.files.Lstat(at)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return durable.ErrNotRegular
		}
		return f.files.Chmod(at, info.Mode().Perm()&^mayWrite)
	})
}

// Writable knows of a disk that was mounted read-only. Of the user's rights only writing tells.
func (f folder) Writable() error {
	return f.do("access", ".", func(at string) error {
		info, err := f.files.Stat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fs.ErrInvalid
		}
		if disk, err := f.files.StatVFS(at); err == nil && disk.Flag&readOnly != 0 {
			return fs.ErrPermission
		}
		return nil
	})
}

func (f folder) Space() (free, total int64, err error) {
	err = f.do("statvfs", ".", func(at string) error {
		if _, ok := f.files.HasExtension("statvfs@openssh.com"); !ok {
			return errors.ErrUnsupported
		}
		disk, err := f.files.StatVFS(at)
		if err == nil {
			free, total = int64(disk.Bavail*disk.Frsize), int64(disk.Blocks*disk.Frsize)
		}
		return err
	})
	return free, total, err
}
