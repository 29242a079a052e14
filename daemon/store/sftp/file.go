//go:build unix

package sftp

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"sync/atomic"

	"github.com/pkg/sftp"

	"tacet/daemon/durable"
)

// file is an open file on the server.
type file struct {
	*medium
	name string
	file *sftp.File
	end  int64        // offset of the next write; the writer's
	at   atomic.Int64 // offset of the next Read
}

var _ durable.File = (*file)(nil)

// do makes one request. It doesn't wrap io.EOF, which readers compare.
func (f *file) do(op string, request func() error) error {
	defer f.conn.Await()()
	err := request()
	if err == nil || err == io.EOF {
		return err
	}
	return pathError(op, f.name, err)
}

// Write appends p, in many requests at once. After an error the file may hold any parts of p, with
// holes.
func (f *file) Write(p []byte) (n int, err error) {
	err = f.do("write", func() error {
		n, err = f.file.WriteAt(p, f.end)
		return err
	})
	f.end += int64(n)
	f.at.Store(f.end)
	return n, err
}

func (f *file) Read(p []byte) (int, error) {
	at := f.at.Load()
	n, err := f.ReadAt(p, at)
	f.at.CompareAndSwap(at, at+int64(n))
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// ReadAt asks again if the server returned less than requested: only an empty answer is the end.
func (f *file) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, pathError("read", f.name, fs.ErrInvalid)
	}
	err = f.do("read", func() error {
		f.conn.Expect(2 * len(p))
		for n < len(p) {
			some, err := f.file.ReadAt(p[n:], off+int64(n))
			n += some
			if err != nil && (err != io.EOF || some == 0) {
				return err
			}
		}
		return nil
	})
	return n, err
}

// Sync flushes the file to the server's disk, if the server can.
func (f *file) Sync() error {
	return f.do("sync", func() error {
		if !f.has("fsync@openssh.com") {
			return nil
		}
		if err := f.file.Sync(); !unsupported(err) { // in this version, and for this disk
			return err
		}
		return nil
	})
}

func (f *file) Truncate(size int64) error {
	return f.do("truncate", func() error {
		if size < 0 {
			return fs.ErrInvalid
		}
		err := f.file.Truncate(size)
		if err == nil {
			f.end = size
		}
		return err
	})
}

func (f *file) Stat() (info fs.FileInfo, err error) {
	err = f.do("stat", func() error {
		if info, err = f.file.Stat(); unsupported(err) || failed(err) {
			info, err = folder{f.medium}.lstat(path.Join(f.kind.Path, f.name))
		}
		return err
	})
	return info, err
}

func (f *file) Close() error {
	return f.do("close", func() error {
		err := f.file.Close()
		if errors.Is(err, sftp.ErrSSHFxConnectionLost) && f.lost() {
			return f.ended()
		}
		return err
	})
}
