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

// do makes one request, for name's path on the server.
func (f folder) do(op, name string, request func(at string) error) error {
	err := fs.ErrInvalid
	if fs.ValidPath(name) {
		defer f.conn.Await()()
		err = request(path.Join(f.kind.Path, name))
	}
	return pathError(op, name, err)
}

// change is do for a name other than the folder itself.
func (f folder) change(op, name string, request func(at string) error) error {
	if name == "." {
		return pathError(op, name, fs.ErrInvalid)
	}
	return f.do(op, name, request)
}

func pathError(op, name string, err error) error {
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
		// The protocol could set the mode on opening, but the library can't. Servers without modes
		// may refuse.
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

// create makes a file that must not exist. With a server that can't do that exclusively, it checks
// first.
func (f folder) create(at string) (*sftp.File, error) {
	made, err := f.openWrite(at, os.O_CREATE|os.O_EXCL)
	if !failed(err) && !unsupported(err) {
		return made, err
	}
	if _, statErr := f.lstat(at); statErr == nil {
		return nil, fs.ErrExist
	} else if !errors.Is(statErr, fs.ErrNotExist) {
		return nil, err
	}
	if made, again := f.openWrite(at, os.O_CREATE|os.O_TRUNC); again == nil {
		return made, nil
	}
	return nil, err
}

// openWrite opens a file to read and write it; only to write it where the server refuses both at
// once.
func (f folder) openWrite(at string, flag int) (*sftp.File, error) {
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

// lstat describes a name or, with a server that can't do that, its target.
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
	return f.open(name, func(at string) (*sftp.File, error) { return f.openWrite(at, 0) })
}

// open opens a name that was a regular file a moment before. SFTP allows no better check; a pipe
// would make the server hang.
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
			err = errors.New("the server reports a size larger than a file can have")
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

// Rename needs posix-rename@openssh.com to replace a file in one step. Servers without it refuse to
// replace, so it removes that file first; an interruption then leaves the file with its old name. A
// refusal is an errors.ErrUnsupported.
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
	for _, name := range []string{at, target} { // was it refused because the target exists?
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

// maxListing is the maximum size of a listing on the wire in bytes: some 300 for each of our names.
// Tests lower it. listingLimiter limits the number of names.
var maxListing = 32 << 20

func (f folder) ReadDir(name string) ([]fs.DirEntry, error) {
	var infos []fs.FileInfo
	err := f.do("list", name, func(at string) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		f.conn.Expect(maxListing + maxUnasked)
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

// SyncDir only checks that the folder is there: SFTP can't do more (see the package comment).
func (f folder) SyncDir(name string) error {
	return f.do("sync", name, func(at string) error {
		info, err := f.files.Stat(at)
		if err == nil && !info.IsDir() && hasType(info) {
			err = fs.ErrInvalid
		}
		return err
	})
}

const writeBits = 0o222

func (f folder) Freeze(name string) error {
	return f.change("freeze", name, func(at string) error {
		info, err := f.lstat(at)
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return durable.ErrNotRegular
		}
		return f.files.Chmod(at, info.Mode().Perm()&^writeBits)
	})
}

// Writable detects a disk that is mounted read-only. Only writing tells the user's permissions.
func (f folder) Writable() error {
	return f.do("access", ".", func(at string) error {
		info, err := f.files.Stat(at)
		if err != nil {
			return err
		}
		if !info.IsDir() && hasType(info) {
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
		known := false
		if free, total, known = diskSpace(disk); !known {
			return errors.ErrUnsupported
		}
		return nil
	})
	return free, total, err
}
