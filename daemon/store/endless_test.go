//go:build unix

package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// endless is a stick with a file that never ends, under the name of a copy.
type endless struct {
	*stick
	name  string
	start []byte // what it begins with
	rest  byte   // and what comes after that
	says  int64  // how long it says it is
	reads atomic.Int64
	gone  atomic.Bool // another file was put in its place
}

// is reports whether a name still has that file.
func (k *endless) is(name string) bool { return name == k.name && !k.gone.Load() }

func (k *endless) Open(ctx context.Context) (Medium, error) {
	m, err := k.stick.Open(ctx)
	if err != nil {
		return nil, err
	}
	return &endlessMedium{m.(*medium), k}, nil
}

type endlessMedium struct {
	*medium
	of *endless
}

func (m *endlessMedium) FS() durable.FS { return endlessFS{m.medium.FS(), m.of} }

func (m *endlessMedium) ReadBack(name string) (io.ReadCloser, error) {
	if m.of.is(name) {
		return io.NopCloser(&endlessFile{of: m.of}), nil
	}
	return m.medium.ReadBack(name)
}

type endlessFS struct {
	durable.FS
	of *endless
}

func (f endlessFS) Stat(name string) (fs.FileInfo, error) {
	if f.of.is(name) {
		return endlessInfo{f.of}, nil
	}
	return f.FS.Stat(name)
}

func (f endlessFS) Open(name string) (durable.File, error) {
	if f.of.is(name) {
		return &endlessFile{of: f.of}, nil
	}
	return f.FS.Open(name)
}

func (f endlessFS) Rename(from, to string) error {
	err := f.FS.Rename(from, to)
	if to == f.of.name && err == nil {
		f.of.gone.Store(true)
	}
	return err
}

type endlessInfo struct{ of *endless }

func (i endlessInfo) Name() string       { return i.of.name }
func (i endlessInfo) Size() int64        { return i.of.says }
func (i endlessInfo) Mode() fs.FileMode  { return 0o644 }
func (i endlessInfo) ModTime() time.Time { return time.Time{} }
func (i endlessInfo) IsDir() bool        { return false }
func (i endlessInfo) Sys() any           { return nil }

// endlessFile counts the bytes read from it.
type endlessFile struct {
	durable.File
	of *endless
	at int64
}

func (f *endlessFile) ReadAt(b []byte, at int64) (int, error) {
	n := 0
	if at < int64(len(f.of.start)) {
		n = copy(b, f.of.start[at:])
	}
	for i := n; i < len(b); i++ {
		b[i] = f.of.rest
	}
	f.of.reads.Add(int64(len(b)))
	return len(b), nil
}

func (f *endlessFile) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.at)
	f.at += int64(n)
	return n, err
}

func (f *endlessFile) Stat() (fs.FileInfo, error) { return endlessInfo{f.of}, nil }
func (f *endlessFile) Close() error               { return nil }

// A file with a copy's name is read only as far as the recording explains, whatever length it
// reports or has. If it is foreign it is left alone, the copy gets another name, and that is
// reported.
func TestAFileWithoutAnEnd(t *testing.T) {
	const tib = 1 << 40
	for _, says := range []int64{0, 1 << 20, 8 * tib, 1 << 62} {
		for _, rest := range []byte{0, 'x'} {
			for _, ours := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d bytes of %q, ours %v", says, rest, ours), func(t *testing.T) {
					in(t, 1, func(w *world) {
						name := w.record(0, 5000, 5000)
						k := &endless{stick: w.sticks[0], name: name, rest: rest, says: says}
						if ours { // as far as the recording goes, it is the recording
							k.start = bytes.Clone(w.wrote[name])
						}
						w.sticks, w.more = nil, []Kind{k}
						w.start()
						defer w.end()
						w.within(time.Minute, "copy", func() bool { n, _ := w.set.Pending(); return n == 0 })
						at := Beside(name, 2)
						if k.gone.Load() { // it began as the recording does, and what followed said nothing: made anew, as any torn copy
							at = name
						}
						got, err := durable.ReadFile(k.disk, at, 1<<20)
						if err != nil || !bytes.Equal(got, w.wrote[name]) {
							t.Errorf("the copy beside it: %d bytes, %v", len(got), err)
						}
						if most := maxExplained(int64(len(w.wrote[name]))) + 2*chunk; k.reads.Load() > most {
							t.Errorf("%d bytes of it were read, want %d at most", k.reads.Load(), most)
						}
						w.mu.Lock()
						defer w.mu.Unlock()
						if (len(w.conflicts) == 0) != k.gone.Load() {
							t.Errorf("conflicts: %q", w.conflicts)
						}
						if k.gone.Load() && (!ours || says > tib) {
							t.Error("somebody's file was replaced")
						}
						_, _, id, _ := recording.ParseName(name)
						if !w.log.has(id, "store-0") {
							t.Error("the copy doesn't count")
						}
					})
				})
			}
		}
	}
}
