package fleet

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// forget is how long the broker may take to notice that a room is silent: more than one and a half
// times the keep-alive.
const forget = 2 * time.Minute

// network is a room's network cable. While it is out nothing arrives anywhere, and nobody is told.
type network struct {
	dial func(ctx context.Context, address string) (net.Conn, error)

	mu    sync.Mutex
	out   bool                // guarded by mu
	conns map[*cable]struct{} // guarded by mu
}

func newNetwork(dial func(ctx context.Context, address string) (net.Conn, error)) *network {
	if dial == nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	return &network{dial: dial, conns: map[*cable]struct{}{}}
}

var errOut = errors.New("the simulated network is out")

// Dial opens a connection.
func (n *network) Dial(ctx context.Context, address string) (net.Conn, error) {
	if n.isOut() {
		return nil, errOut
	}
	conn, err := n.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	c := &cable{Conn: conn, of: n}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.out {
		conn.Close()
		return nil, errOut
	}
	n.conns[c] = struct{}{}
	return c, nil
}

// pull takes the cable out.
func (n *network) pull() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out = true
	for c := range n.conns {
		c.silent.Store(true)
	}
	clear(n.conns)
}

// plug puts it back. Connections of before stay silent.
func (n *network) plug() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out = false
}

func (n *network) isOut() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.out
}

// cable is a connection that can fall silent. Then both ends hear nothing more, and the broker does
// not even learn that the client has closed its end.
type cable struct {
	net.Conn
	of     *network
	silent atomic.Bool
}

// Read returns nothing more once the cable is silent.
func (c *cable) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if err != nil || !c.silent.Load() {
			return n, err
		}
	}
}

func (c *cable) Write(p []byte) (int, error) {
	if c.silent.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// Close ends the client's reads. The broker learns of it only if the cable works.
func (c *cable) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	if !c.silent.Load() {
		return c.Conn.Close()
	}
	time.AfterFunc(forget, func() { c.Conn.Close() })
	return c.Conn.SetReadDeadline(time.Now())
}
