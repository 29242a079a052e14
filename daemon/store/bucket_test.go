//go:build unix

package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"
)

// bucket is a Kind whose objects are made complete.
type bucket struct {
	mu      sync.Mutex
	objects map[string][]byte
	fail    error // of the next operation, once
	spoil   bool  // objects are not what was put
	puts    int
}

func (b *bucket) Open(context.Context) (Medium, error) { return b, nil }
func (b *bucket) Changed() <-chan struct{}             { return nil }
func (b *bucket) ID() string                           { return "bucket" }
func (b *bucket) Check(error) error                    { return nil }
func (b *bucket) Abort()                               {}
func (b *bucket) Close() error                         { return nil }

func (b *bucket) due() error {
	err := b.fail
	b.fail = nil
	return err
}

func (b *bucket) Put(_ context.Context, name string, from io.ReaderAt, size int64) error {
	data, err := io.ReadAll(io.NewSectionReader(from, 0, size))
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := errors.Join(err, b.due()); err != nil {
		return err
	}
	b.puts++
	if _, there := b.objects[name]; there {
		return fs.ErrExist
	}
	if b.spoil {
		data[len(data)/2]++
	}
	b.objects[name] = data
	return nil
}

func (b *bucket) Get(_ context.Context, name string) (io.ReadCloser, int64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	data, there := b.objects[name]
	if err := b.due(); err != nil {
		return nil, 0, err
	}
	if !there {
		return nil, 0, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), int64(len(data)), nil
}

// with adds a store to a world, a bucket.
func (w *world) with(b *bucket) *bucket {
	b.objects = map[string][]byte{}
	w.more = append(w.more, b)
	return b
}

// A bucket gets each recording once it has ended; an object that has its name stays.
func TestBucket(t *testing.T) {
	in(t, 0, func(w *world) {
		b := w.with(&bucket{})
		taken, free := w.record(0, 1000, 1_100_000), w.record(1, 1000)
		b.objects[taken] = []byte("something else")
		w.start()
		defer w.end()
		r := w.begin(2)
		w.set.Began(r.name)
		w.within(time.Minute, "two copies", func() bool { n, _ := w.set.Pending(); return n == 1 })
		if len(b.objects) != 3 || string(b.objects[taken]) != "something else" || len(w.conflicts) != 1 ||
			!bytes.Equal(b.objects[Beside(taken, 2)], w.wrote[taken]) || !bytes.Equal(b.objects[free], w.wrote[free]) {
			t.Errorf("%d objects; conflicts: %v", len(b.objects), w.conflicts)
		}
		r.segment(1000)
		r.finish()
		w.set.Ended(r.name, true)
		w.copied(time.Minute)
	})
}

// An upload that succeeded but reported an error is found and verified, not repeated.
func TestBucketHasItAlready(t *testing.T) {
	in(t, 0, func(w *world) {
		b := w.with(&bucket{})
		name := w.record(0, 1000)
		b.objects[name] = bytes.Clone(w.wrote[name])
		b.fail = errors.New("the connection was lost")
		w.start()
		defer w.end()
		w.copied(time.Minute)
		if len(b.objects) != 1 || len(w.conflicts) != 0 {
			t.Errorf("%d objects; conflicts: %v", len(b.objects), w.conflicts)
		}
	})
}

// An object that is not what was put doesn't count and can't be replaced: the next try uses another
// name.
func TestBucketThatSpoils(t *testing.T) {
	in(t, 0, func(w *world) {
		b := w.with(&bucket{spoil: true})
		name := w.record(0, 1000)
		w.start()
		defer w.end()
		w.within(time.Minute, "mismatch", func() bool {
			s := w.set.Stores()[0]
			return s.Trouble != nil && s.Trouble.Code == "store-mismatch"
		})
		if len(w.log.lines()) != 0 {
			t.Error("it counts as held")
		}
		b.mu.Lock()
		b.spoil = false
		b.mu.Unlock()
		w.copied(10 * time.Minute)
		if !bytes.Equal(b.objects[Beside(name, 2)], w.wrote[name]) {
			t.Error("it is not beside")
		}
	})
}
