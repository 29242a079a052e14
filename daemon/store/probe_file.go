//go:build unix

package store

import (
	"bytes"
	"errors"
	"io"
	"io/fs"

	"tacet/daemon/durable"
)

// memoryFile is a read-only file in memory, the recording of a trial.
type memoryFile []byte

var _ durable.File = memoryFile(nil)

func (m memoryFile) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(m).ReadAt(b, at) }
func (m memoryFile) Read([]byte) (int, error)               { return 0, io.EOF }
func (m memoryFile) Write([]byte) (int, error)              { return 0, errors.ErrUnsupported }
func (m memoryFile) Close() error                           { return nil }
func (m memoryFile) Sync() error                            { return nil }
func (m memoryFile) Truncate(int64) error                   { return errors.ErrUnsupported }
func (m memoryFile) Stat() (fs.FileInfo, error)             { return nil, errors.ErrUnsupported }
