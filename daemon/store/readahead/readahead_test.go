package readahead

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// file is a file in memory that can hang at an offset.
type file struct {
	*bytes.Reader
	hangAt int64
	hang   chan struct{}
	err    error // from hangAt on
	closed atomic.Bool
}

func newFile(size int) *file {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 / 5)
	}
	return &file{Reader: bytes.NewReader(data), hangAt: int64(size) + 100}
}

func (f *file) ReadAt(p []byte, at int64) (int, error) {
	if at >= f.hangAt {
		if f.hang != nil {
			<-f.hang
		}
		return 0, f.err
	}
	return f.Reader.ReadAt(p, at)
}

func (f *file) Close() error { f.closed.Store(true); return nil }

func buffers() [][]byte { return [][]byte{make([]byte, 8), make([]byte, 8), make([]byte, 8)} }

func TestReaderReadsAll(t *testing.T) {
	for _, size := range []int{0, 1, 7, 8, 9, 24, 25, 200} {
		f := newFile(size)
		r := NewReader(f, nil, buffers()...)
		got, err := io.ReadAll(r)
		want := make([]byte, size)
		_, _ = f.Reader.ReadAt(want, 0)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("of %d bytes: %d, %v", size, len(got), err)
		}
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("after the end: %d bytes, %v", n, err)
		}
		if err := r.Close(); err != nil || !f.closed.Load() {
			t.Errorf("closed: %v, %v", f.closed.Load(), err)
		}
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

// A read that fails is reported after what was read before it.
func TestReaderFails(t *testing.T) {
	f := newFile(100)
	f.hangAt, f.err = 40, errors.New("the medium failed")
	got, err := io.ReadAll(NewReader(f, nil, buffers()...))
	if len(got) != 40 || err != f.err {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// A read that hangs stops neither Read after an abort nor Close. The file is closed when it ends.
func TestReaderHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFile(100)
		f.hangAt, f.hang, f.err = 40, make(chan struct{}), io.EOF
		aborted := make(chan struct{})
		r := NewReader(f, aborted, buffers()...)
		if _, err := io.ReadFull(r, make([]byte, 40)); err != nil {
			t.Fatal(err)
		}
		go func() {
			synctest.Wait() // Read hangs
			close(aborted)
		}()
		if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("aborted: %v", err)
		}
		r.Close()
		synctest.Wait()
		if f.closed.Load() {
			t.Error("the file was closed during a read")
		}
		close(f.hang)
		synctest.Wait()
		if !f.closed.Load() {
			t.Error("the file was not closed")
		}
	})
}

// An abort counts even if a piece is ready.
func TestAbortWins(t *testing.T) {
	aborted := make(chan struct{})
	r := NewReader(newFile(100), aborted, buffers()...)
	defer r.Close()
	if _, err := io.ReadFull(r, make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	close(aborted)
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("aborted: %v", err)
	}
}
