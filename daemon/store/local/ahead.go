//go:build linux

package local

import (
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// ahead reads a file with one block in hand while the next is on its way. Read and Close belong to
// one goroutine; a goroutine of its own reads, and closes the file when it ends, which may be long
// after Close where the kernel hangs.
type ahead struct {
	file    *backFile // the reading goroutine's
	full    chan block
	empty   chan []byte
	aborted <-chan struct{} // the medium's
	close   sync.Once
	closed  chan struct{}

	rest, all []byte // of the block in hand
	err       error  // that there is no block more, and why
}

// block is what a read returned. After one with an error there is none.
type block struct {
	data, all []byte
	err       error
}

// readAhead takes over the file.
func readAhead(file *backFile, aborted <-chan struct{}) *ahead {
	a := &ahead{file: file, full: make(chan block, blocks), empty: make(chan []byte, blocks), aborted: aborted,
		closed: make(chan struct{})}
	for range blocks - 1 {
		a.empty <- aligned(blockSize)
	}
	if file.first == nil {
		a.empty <- aligned(blockSize)
	}
	go a.run()
	return a
}

func (a *ahead) run() {
	defer a.file.Close()
	at := int64(0)
	if first := a.file.first; first != nil {
		a.file.first = nil
		b := a.after(first, cap(first), at, nil)
		a.full <- b
		if b.err != nil {
			return
		}
		at += int64(len(first))
	}
	for {
		var buf []byte
		select {
		case buf = <-a.empty:
		case <-a.closed:
			return
		case <-a.aborted:
			return
		}
		n, err := a.file.Read(buf)
		b := a.after(buf[:n], len(buf), at, err)
		a.full <- b // there is room for all that there are
		if b.err != nil {
			return
		}
		at += int64(n)
	}
}

// after makes a block of what was read at an offset. A direct read that isn't whole must have come
// to the end: after it the next would be refused.
func (a *ahead) after(data []byte, asked int, at int64, err error) block {
	end := at + int64(len(data))
	switch {
	case err != nil:
	case len(data) == 0:
		err = io.EOF
	case !a.file.direct || len(data) == asked:
	case end >= a.file.size:
		err = io.EOF
	case len(data)%alignment != 0:
		err = fmt.Errorf("read %s back: only %d of %d bytes at %d: %w", a.file.Name(), len(data), asked, at,
			io.ErrUnexpectedEOF)
	}
	return block{data: data, all: data[:asked:asked], err: err}
}

// Read returns what the medium holds.
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if a.err != nil {
			return 0, a.err
		}
		if a.all != nil {
			a.empty <- a.all
			a.all = nil
		}
		select {
		case <-a.aborted: // before what may lie ready
			a.err = fs.ErrClosed
			continue
		default:
		}
		select {
		case b := <-a.full:
			a.rest, a.all, a.err = b.data, b.all, b.err
		case <-a.closed:
			a.err = fs.ErrClosed
		case <-a.aborted:
			a.err = fs.ErrClosed
		}
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	return n, nil
}

// Close ends the reading, and doesn't wait for it.
func (a *ahead) Close() error {
	a.close.Do(func() { close(a.closed) })
	a.rest, a.all, a.err = nil, nil, fs.ErrClosed
	return nil
}
