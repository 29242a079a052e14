//go:build unix

package sftp

import (
	"errors"
	"io"

	"tacet/daemon/durable"
)

// ahead is how much is read at once, and places how many such pieces are under way or waiting for
// whoever compares them.
const (
	ahead  = 512 << 10
	places = 4
)

// aheadReader reads a file from its begin, some pieces ahead, so that the server is never idle.
type aheadReader struct {
	file  durable.File
	off   int64        // of the next piece to ask for
	asked []chan piece // in their order
	now   piece        // what is being given out
	left  []byte       // of it
}

type piece struct {
	data []byte
	err  error
}

func readAhead(f durable.File) io.ReadCloser {
	r := &aheadReader{file: f}
	for range places {
		r.ask(make([]byte, ahead))
	}
	return r
}

// ask begins to read the next piece.
func (r *aheadReader) ask(buffer []byte) {
	answer, off := make(chan piece, 1), r.off
	go func() {
		n, err := r.file.ReadAt(buffer, off)
		answer <- piece{buffer[:n], err}
	}()
	r.asked, r.off = append(r.asked, answer), off+ahead
}

func (r *aheadReader) Read(p []byte) (int, error) {
	for len(r.left) == 0 {
		if r.now.err != nil {
			return 0, r.now.err
		}
		if r.now.data != nil {
			r.ask(r.now.data[:ahead])
		}
		r.now, r.asked = <-r.asked[0], r.asked[1:]
		r.left = r.now.data
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// Close waits for what is under way.
func (r *aheadReader) Close() error {
	for _, answer := range r.asked {
		<-answer
	}
	r.asked, r.left, r.now = nil, nil, piece{err: errClosed}
	return r.file.Close()
}

var errClosed = errors.New("the read-back is closed")
