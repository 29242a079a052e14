//go:build unix

package sftp

import (
	"io"
	"io/fs"
	"sync"

	"tacet/daemon/durable"
)

// ahead is how much is read at once, and how much is read ahead of whoever compares it.
const ahead = 1 << 20

// aheadReader reads a file from its begin, one piece ahead, so that the server is never idle.
type aheadReader struct {
	file   durable.File
	pieces chan piece  // filled by fill, which closes it
	empty  chan []byte // buffers to be filled again
	stop   chan struct{}
	once   sync.Once
	now    piece  // what is being given out
	left   []byte // of it
}

type piece struct {
	data []byte
	err  error
}

func readAhead(f durable.File) io.ReadCloser {
	r := &aheadReader{file: f, pieces: make(chan piece), empty: make(chan []byte, 2), stop: make(chan struct{})}
	r.empty <- make([]byte, ahead)
	r.empty <- make([]byte, ahead)
	go r.fill()
	return r
}

func (r *aheadReader) fill() {
	defer close(r.pieces)
	for off := int64(0); ; {
		var p piece
		select {
		case buffer := <-r.empty:
			n, err := r.file.ReadAt(buffer, off)
			p, off = piece{buffer[:n], err}, off+int64(n)
		case <-r.stop:
			return
		}
		select {
		case r.pieces <- p:
		case <-r.stop:
			return
		}
		if p.err != nil {
			return
		}
	}
}

func (r *aheadReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.now.err != nil {
			return 0, r.now.err
		}
		if r.now.data != nil {
			r.empty <- r.now.data[:ahead]
		}
		var ok bool
		if r.now, ok = <-r.pieces; !ok {
			return 0, fs.ErrClosed
		}
		r.left = r.now.data
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// Close waits for the read that is under way.
func (r *aheadReader) Close() error {
	r.once.Do(func() { close(r.stop) })
	for range r.pieces {
	}
	return r.file.Close()
}
