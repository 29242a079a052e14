// Package stall ends network connections that make no progress.
//
// A hanging server, a firewall that forgot the connection and a pulled cable all look the same:
// nothing arrives, not even an error. TCP takes a quarter of an hour to give up, and never does if
// the other machine's kernel still answers. A [Conn] fails for good when something is awaited on it
// and no byte has moved in either direction for a given time. It has no timer while nothing is
// awaited.
package stall

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is a connection that ends when it stalls.
type Conn struct {
	net.Conn
	limit time.Duration

	mu      sync.Mutex
	waiting int  // number of operations that await something; guarded by mu
	stalled bool // guarded by mu
	left    int  // bytes until over is called, if not nil; guarded by mu
	over    func()

	slack   int  // bytes that may arrive unasked; 0: any number may; guarded by mu
	allowed int  // bytes that may still arrive; guarded by mu
	flooded bool // guarded by mu
}

// ErrFlooded is the error of a connection on which more arrived than was requested.
var ErrFlooded = errors.New("more arrives than was requested")

// perAnswer is how many bytes one operation may receive besides those it expects.
const perAnswer = 64 << 10

// Bound ends the connection when more than slack bytes arrive beyond what is expected (see
// [Conn.Expect]). So a server whose answer never ends isn't read for ever.
func (c *Conn) Bound(slack int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slack, c.allowed = slack, slack
}

// Expect allows an awaited operation to receive so many bytes.
func (c *Conn) Expect(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed += bytes
}

// Flooded reports whether the connection ended because more arrived than was requested.
func (c *Conn) Flooded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flooded
}

// count subtracts n bytes that arrived from those allowed. The caller holds mu.
func (c *Conn) count(n int) error {
	if c.slack == 0 {
		return nil
	}
	if c.allowed -= n; c.allowed < 0 {
		c.flooded = true
		c.Conn.Close()
		return ErrFlooded
	}
	return nil
}

// New returns a Conn that ends without progress for limit while something is awaited.
func New(conn net.Conn, limit time.Duration) *Conn { return &Conn{Conn: conn, limit: limit} }

// Await starts to await an answer, until done is called. Any goroutine may call it; calls nest.
func (c *Conn) Await() (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting++; c.waiting == 1 {
		c.extend()
		c.allowed = c.slack
	}
	c.allowed += perAnswer
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.waiting--; c.waiting == 0 {
			c.Conn.SetReadDeadline(time.Time{})
		}
	}
}

// Limit calls over once more than limit bytes have been read, until done is called. There is only
// one limit at a time.
func (c *Conn) Limit(limit int, over func()) (done func()) {
	c.set(limit, over)
	return func() { c.set(0, nil) }
}

func (c *Conn) set(left int, over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.over = left, over
}

// Stalled reports whether the connection ended for lack of progress.
func (c *Conn) Stalled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stalled
}

func (c *Conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	err = c.moved(n, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left -= n; c.left < 0 && c.over != nil {
		c.over()
		c.over = nil
	}
	if flood := c.count(n); flood != nil {
		return 0, flood
	}
	return n, err
}

// Write allows limit for all of p, so p must not be larger than a slow line can carry in that time.
// Its callers write at most 64 KiB at a time.
func (c *Conn) Write(p []byte) (int, error) {
	c.Conn.SetWriteDeadline(time.Now().Add(c.limit))
	n, err := c.Conn.Write(p)
	return n, c.moved(n, err)
}

// moved records the result of a Read or Write, and returns its error. When one direction has
// stalled, the user closes the connection, which makes the other one fail: it too returns the
// cause.
func (c *Conn) moved(n int, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.stalled = true
	case err != nil && c.stalled:
		return os.ErrDeadlineExceeded
	case n > 0 && c.waiting > 0:
		c.extend()
	}
	return err
}

// extend moves the deadline, also for a Read in progress. The caller holds mu.
func (c *Conn) extend() { c.Conn.SetReadDeadline(time.Now().Add(c.limit)) }
