//go:build linux

package storetest

import (
	"net"
	"sync"
	"testing"
)

// Proxy is in front of a server. It counts the bytes sent to the server, and can hold all traffic
// or cut the connections.
type Proxy struct {
	Addr string
	Port int

	target   string
	listener net.Listener
	done     sync.WaitGroup

	mu    sync.Mutex // guards all below
	moved sync.Cond
	up    int64
	cutAt int64 // value of up at which to cut; 0: never
	held  bool
	ended bool
	conns map[net.Conn]bool
}

// StartProxy listens on a loopback address and forwards everything to target.
func StartProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &Proxy{Addr: listener.Addr().String(), Port: listener.Addr().(*net.TCPAddr).Port, target: target,
		listener: listener,
		conns:    map[net.Conn]bool{}}
	p.moved.L = &p.mu
	p.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		p.mu.Lock()
		p.ended = true
		p.moved.Broadcast()
		p.mu.Unlock()
		listener.Close()
		p.Cut()
		p.done.Wait()
	})
	return p
}

// Up returns how many bytes were sent to the server.
func (p *Proxy) Up() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// WaitUp waits until that many bytes were sent to the server.
func (p *Proxy) WaitUp(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.up < bytes && !p.ended {
		p.moved.Wait()
	}
}

// CutAfter cuts all connections, once, after so many more bytes to the server.
func (p *Proxy) CutAfter(bytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt = p.up + bytes
}

// Cut cuts all connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		conn.Close()
	}
}

// Hold holds all traffic, with the connections open, until Release.
func (p *Proxy) Hold()    { p.hold(true) }
func (p *Proxy) Release() { p.hold(false) }

func (p *Proxy) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.moved.Broadcast()
}

func (p *Proxy) serve(near net.Conn) {
	far, err := net.Dial("tcp", p.target)
	if err != nil {
		near.Close()
		return
	}
	p.mu.Lock()
	if p.ended {
		near.Close()
		far.Close()
	}
	p.conns[near], p.conns[far] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, near)
		delete(p.conns, far)
	}()
	var both sync.WaitGroup
	both.Go(func() { p.copy(far, near, true) })
	both.Go(func() { p.copy(near, far, false) })
	both.Wait()
}

func (p *Proxy) copy(to, from net.Conn, up bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.pass(n, up) {
			p.Cut()
			return
		}
		if _, werr := to.Write(buffer[:n]); err != nil || werr != nil {
			return
		}
	}
}

// pass waits while traffic is held, counts n bytes, and reports whether to keep the connection.
func (p *Proxy) pass(n int, up bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held && !p.ended {
		p.moved.Wait()
	}
	if up {
		p.up += int64(n)
		p.moved.Broadcast()
		if p.cutAt > 0 && p.up >= p.cutAt {
			p.cutAt = 0
			return false
		}
	}
	return true
}
