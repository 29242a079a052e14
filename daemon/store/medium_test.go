//go:build unix

package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

// medium is an open stick.
type medium struct {
	stick *stick
	disk  *durabletest.Disk
	id    string
	gone  atomic.Bool
}

var errAway = &Trouble{"store-missing", errors.New("it was pulled out")}

func (m *medium) ID() string     { return m.id }
func (m *medium) Abort()         {}
func (m *medium) Close() error   { return nil }
func (m *medium) FS() durable.FS { return m.disk }

func (m *medium) ReadBack(name string) (io.ReadCloser, error) {
	data, err := m.disk.ReadBack(name)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (m *medium) Check(cause error) error {
	switch {
	case m.gone.Load():
		return errAway
	case errors.Is(cause, syscall.ENOSPC):
		return &Trouble{"store-full", cause}
	case errors.Is(cause, syscall.EROFS):
		return &Trouble{"store-readonly", cause}
	}
	if err := m.disk.Writable(); errors.Is(err, syscall.EROFS) {
		return &Trouble{"store-readonly", err}
	}
	return nil
}

// memory is a ledger in memory.
type memory struct {
	mu     sync.Mutex
	logged []line
	fail   error // of the next entry, once
	unread error // of reading it
	unset  bool  // the clock is
}

// now returns the time of an entry; zero while the clock is not set.
func (l *memory) now() time.Time {
	if l.unset {
		return time.Time{}
	}
	return time.Now()
}

type line struct {
	what, id, store string
	at              time.Time
}

func (l *memory) add(what, id, store string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.fail; err != nil {
		l.fail = nil
		return err
	}
	l.logged = append(l.logged, line{what, id, store, l.now()})
	return nil
}

func (l *memory) Copied(id, store string) error { return l.add("copied", id, store) }
func (l *memory) Released(id string) error      { return l.add("released", id, "") }

func (l *memory) Expired(id, store string) error {
	runtime.Gosched() // a disk takes its time: whoever may go on meanwhile does
	return l.add("expired", id, store)
}

func (l *memory) History(tell func(what Deed, id, store string, at time.Time)) error {
	l.mu.Lock()
	unread := l.unread
	l.mu.Unlock()
	if unread != nil {
		return unread
	}
	for _, s := range l.lines() {
		tell(map[string]Deed{
			"copied": WasCopied, "expired": WasExpired, "released": WasReleased, "dropped": WasDropped,
		}[s.what], s.id, s.store, s.at)
	}
	return nil
}

// refuse makes reading it fail with err, until err is nil.
func (l *memory) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unread = err
}

func (l *memory) lines() []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]line(nil), l.logged...)
}

func (l *memory) has(id, store string) bool { return l.count("copied", id, store) > 0 }

func (l *memory) count(what, id, store string) (n int) {
	for _, s := range l.lines() {
		if s.what == what && s.id == id && s.store == store {
			n++
		}
	}
	return n
}

func (s line) String() string { return fmt.Sprint(s.what, " ", s.id, " ", s.store) }
