//go:build unix

package store

import "tacet/daemon/durable"

// source is the spool's file of a recording.
type source struct {
	file durable.File
	name string
}

// A sourceError is a failure of the spool, not of the store.
type sourceError struct{ err error }

func (e *sourceError) Error() string { return "read the spool's copy: " + e.err.Error() }
func (e *sourceError) Unwrap() error { return e.err }

// ReadAt reads from the file. Every error, even io.EOF, is a sourceError.
func (s *source) ReadAt(b []byte, at int64) (int, error) {
	n, err := s.file.ReadAt(b, at)
	if err != nil {
		err = &sourceError{err}
	}
	return n, err
}

// read fills b from an offset.
func (s *source) read(b []byte, at int64) error {
	_, err := s.ReadAt(b, at)
	return err
}
