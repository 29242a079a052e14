// Package readahead reads parts of a file while its user still works on the parts before.
package readahead

import (
	"io"
	"io/fs"
)

// A Piece is a part of a file that is being read.
type Piece struct {
	data []byte
	err  error
	done chan struct{} // closed when data and err are set
}

// Start starts to read into buf at an offset.
func Start(r io.ReaderAt, buf []byte, at int64) *Piece {
	p := &Piece{done: make(chan struct{})}
	go func() {
		defer close(p.done)
		n, err := r.ReadAt(buf, at)
		p.data, p.err = buf[:n], err
	}()
	return p
}

// Wait waits for the read and returns its result. For a nil Piece that is nothing.
func (p *Piece) Wait() ([]byte, error) {
	if p == nil {
		return nil, nil
	}
	<-p.done
	return p.data, p.err
}

// File is what a Reader reads. ReadAt may be called from several goroutines.
type File interface {
	io.ReaderAt
	io.Closer
}

// Reader reads a file from its start. It keeps several reads under way. One goroutine may use it.
type Reader struct {
	file    File
	size    int // of a piece
	aborted <-chan struct{}

	next    int64    // offset of the next piece to start
	started []*Piece // in order
	buf     []byte   // of the current piece
	rest    []byte   // of the current piece, still to be returned
	err     error    // after rest
}

// NewReader starts to read a file into the buffers, which have one size. Closing aborted makes Read
// fail, and keeps Close from waiting for reads that hang; it may be nil.
func NewReader(file File, aborted <-chan struct{}, buffers ...[]byte) *Reader {
	r := &Reader{file: file, size: len(buffers[0]), aborted: aborted}
	for _, buf := range buffers {
		r.start(buf)
	}
	return r
}

func (r *Reader) start(buf []byte) {
	r.started = append(r.started, Start(r.file, buf, r.next))
	r.next += int64(r.size)
}

func (r *Reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		if r.buf != nil {
			r.start(r.buf)
			r.buf = nil
		}
		select {
		case <-r.aborted: // even if a piece is ready
			r.err = fs.ErrClosed
			continue
		default:
		}
		select {
		case <-r.aborted:
			r.err = fs.ErrClosed
		case <-r.started[0].done:
			r.rest, r.err = r.started[0].Wait()
			r.buf, r.started = r.rest[:r.size], r.started[1:]
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// Close closes the file once no read is under way. It waits for that, unless the Reader can be
// aborted.
func (r *Reader) Close() error {
	pieces := r.started
	r.started, r.rest, r.buf, r.err = nil, nil, nil, fs.ErrClosed
	end := func() error {
		for _, p := range pieces {
			_, _ = p.Wait()
		}
		return r.file.Close()
	}
	if r.aborted != nil {
		go func() { _ = end() }()
		return nil
	}
	return end()
}
