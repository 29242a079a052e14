// Package stall ends a network connection on which nothing moves any more.
//
// A server that hangs, a firewall that forgot the connection and a cable that was pulled all look
// alike: nothing arrives, no error either. TCP alone takes a quarter of an hour to give up, and
// never does where the other machine's kernel still answers. A [Conn] fails, and stays so, when
// something is awaited on it and no byte has moved in either direction for a given time. It has no
// timer and wakes nothing up while nothing is awaited.
package stall

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// Conn is a connection that ends by itself when it stalls.
type Conn struct {
	net.Conn
	limit time.Duration

	mu      sync.Mutex
	waiting int  // operations that await something; guarded by mu
	stalled bool // guarded by mu
	left    int  // bytes until over is called, if it is not nil; guarded by mu
	over    func()

	slack   int  // bytes that may always arrive; 0: any number may; guarded by mu
	allowed int  // bytes that may still arrive; guarded by mu
	flooded bool // guarded by mu
}

// ErrFlooded is what a connection fails with on which more arrived than was asked for.
var ErrFlooded = errors.New("more arrives than was asked for")

// perAnswer is what one operation may bring beside what it asks for, in bytes.
const perAnswer = 64 << 10

// Bound ends the connection when more arrives than is explained by what is awaited (see
// [Conn.Expect]), and slack bytes more. So a server that answers without end is not read without
// end.
func (c *Conn) Bound(slack int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slack, c.allowed = slack, slack
}

// Expect says that an operation which is awaited may bring so many bytes.
func (c *Conn) Expect(bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed += bytes
}

// Flooded reports whether the connection ended because more arrived than was asked for.
func (c *Conn) Flooded() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flooded
}

// count takes n bytes that arrived from what may arrive. It is called with mu held.
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

// New ends conn when nothing moves for limit while something is awaited.
func New(conn net.Conn, limit time.Duration) *Conn { return &Conn{Conn: conn, limit: limit} }

// Await says that an answer is expected, until done is called. Any goroutine may; calls nest.
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

// Limit calls over when more than limit bytes have been read, until done is called. One limit
// stands at a time.
func (c *Conn) Limit(limit int, over func()) (done func()) {
	c.set(limit, over)
	return func() { c.set(0, nil) }
}

func (c *Conn) set(left int, over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.over = left, over
}

// Stalled reports whether the connection ended because nothing moved.
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

// Write takes limit for all of p, so p must not be larger than a slow line carries in that time;
// what writes to a connection does so in pieces of 64 KiB at most.
func (c *Conn) Write(p []byte) (int, error) {
	c.Conn.SetWriteDeadline(time.Now().Add(c.limit))
	n, err := c.Conn.Write(p)
	return n, c.moved(n, err)
}

// moved notes how a Read or Write went, and returns its error. When one direction has stalled,
// whoever uses the connection closes it, and the other fails because of that: it is given the
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

// extend is called with mu held. A Read under way heeds the new deadline.
func (c *Conn) extend() { c.Conn.SetReadDeadline(time.Now().Add(c.limit)) }
