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
		if made, err = f.create(at); err != nil {
			return err
		}
		// The protocol could carry the mode with the opening; the library can't. A server that
		// keeps modes to itself may refuse.
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

// create makes a file that must not exist. A server that can't be asked to see to it is asked
// whether there is one.
func (f folder) create(at string) (*sftp.File, error) {
	made, err := f.forWriting(at, os.O_CREATE|os.O_EXCL)
	if !failed(err) && !unsupported(err) {
		return made, err
	}
	if _, there := f.lstat(at); there == nil {
		return nil, fs.ErrExist
	} else if !errors.Is(there, fs.ErrNotExist) {
		return nil, err
	}
	if made, again := f.forWriting(at, os.O_CREATE|os.O_TRUNC); again == nil {
		return made, nil
	}
	return nil, err
}

// forWriting opens a file to read and write it; only to write it where the server refuses both at
// once.
func (f folder) forWriting(at string, flag int) (*sftp.File, error) {
	if f.writeOnly.Load() {
		return f.files.OpenFile(at, os.O_WRONLY|flag)
	}
	opened, err := f.files.OpenFile(at, os.O_RDWR|flag)
	if !failed(err) && !unsupported(err) && !errors.Is(err, fs.ErrPermission) {
		return opened, err
	}
	opened, again := f.files.OpenFile(at, os.O_WRONLY|flag)
	if again != nil {
		return nil, err
	}
	f.writeOnly.Store(true)
	return opened, nil
}

// lstat looks at a name. A server that can't is asked about what the name leads to.
func (f folder) lstat(at string) (fs.FileInfo, error) {
	info, err := f.files.Lstat(at)
	if unsupported(err) {
		info, err = f.files.Stat(at)
	}
	return info, err
}

func (f folder) Open(name string) (durable.File, error) {
	return f.open(name, func(at string) (*sftp.File, error) { return f.files.OpenFile(at, os.O_RDONLY) })
}

func (f folder) Append(name string) (durable.File, error) {
	return f.open(name, func(at string) (*sftp.File, error) { return f.forWriting(at, 0) })
}

// open opens what was a regular file a moment before. SFTP has no way to be surer; a pipe would
// hang the server.
func (f folder) open(name string, open func(at string) (*sftp.File, error)) (durable.File, error) {
	var opened *sftp.File
	var size int64
	err := f.do("open", name, func(at string) error {
		before, err := f.lstat(at)
		if err != nil {
			return err
		}
		if !before.Mode().IsRegular() {
			return durable.ErrNotRegular
		}
		if opened, err = open(at); err != nil {
			return err
		}
		after, err := opened.Stat()
		if unsupported(err) || failed(err) {
			after, err = before, nil
		}
		if err == nil && !after.Mode().IsRegular() {
			err = durable.ErrNotRegular
		}
		if err == nil && after.Size() < 0 {
			err = errors.New("the server says that it is longer than a file can be")
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

// Rename needs posix-rename@openssh.com to take another file's place in one step. Without it
// servers refuse when there is one: that is removed first. An interruption between the two leaves
// the file under its old name alone. A refusal is an errors.ErrUnsupported.
func (f folder) Rename(from, to string) error {
	return f.change("rename", from, func(at string) error {
		if !fs.ValidPath(to) || to == "." {
			return fs.ErrInvalid
		}
		err := f.rename(at, path.Join(f.kind.Path, to))
		if failed(err) || unsupported(err) {
			err = fmt.Errorf("%w by the server: %w", errors.ErrUnsupported, err)
		}
		return err
	})
}

func (f folder) rename(at, target string) error {
	if f.has("posix-rename@openssh.com") {
		if err := f.files.PosixRename(at, target); !unsupported(err) {
			return err
		}
	}
	err := f.files.Rename(at, target)
	if !failed(err) && !unsupported(err) && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrExist) {
		return err
	}
	for _, name := range []string{at, target} { // is it the target that stands in the way?
		if info, looked := f.lstat(name); looked != nil || !info.Mode().IsRegular() {
			return err
		}
	}
	if f.files.Remove(target) != nil {
		return err
	}
	return f.files.Rename(at, target)
}

func (f folder) Remove(name string) error { return f.change("remove", name, f.files.Remove) }

func (f folder) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := f.do("stat", name, func(at string) (err error) {
		info, err = f.lstat(at)
		return err
	})
	return info, err
}

// maxListing bounds what a listing may take on the wire, which is some 300 bytes for each name of
// ours. Tests make it less. How many names it may have is bounded too (see counted).
var maxListing = 32 << 20

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	var infos []fs.FileInfo
	err := f.do("list", name, func(at string) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		f.conn.Expect(maxListing + unasked)
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
		if err == nil && !info.IsDir() && known(info) {
			err = fs.ErrInvalid
		}
		return err
	})
}

const mayWrite = 0o222

func (f folder) Freeze(name string) error {
	return f.change("freeze", name, func(at string) error {
		info, err := f.lstat(at)
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
		if !info.IsDir() && known(info) {
			return fs.ErrInvalid
		}
		if disk, err := f.disk(at); err == nil && disk.Flag&readOnly != 0 {
			return fs.ErrPermission
		}
		return nil
	})
}

func (f folder) Space() (free, total int64, err error) {
	err = f.do("statvfs", ".", func(at string) error {
		disk, err := f.disk(at)
		if err != nil {
			return err
		}
		told := false
		if free, total, told = room(disk); !told {
			return errors.ErrUnsupported
		}
		return nil
	})
	return free, total, err
}
