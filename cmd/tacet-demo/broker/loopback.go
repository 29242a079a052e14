package broker

import (
	"log/slog"
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// loopback is the broker's only listener. Unlike the library's own, it closes all connections, even
// silent ones, and Close waits for the last of them. The library does not order the counting of a
// connection before the end that waits for it.
type loopback struct {
	net.Listener
	serving sync.WaitGroup

	mu    sync.Mutex
	ended bool                  // guarded by mu
	open  map[net.Conn]struct{} // guarded by mu
}

var _ listeners.Listener = (*loopback)(nil)

func (l *loopback) ID() string                { return "loopback" }
func (l *loopback) Address() string           { return l.Addr().String() }
func (l *loopback) Protocol() string          { return "tcp" }
func (l *loopback) Init(_ *slog.Logger) error { return nil }

// Serve serves every connection until Close.
func (l *loopback) Serve(establish listeners.EstablishFn) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		if !l.take(conn) {
			conn.Close()
			return
		}
		go func() {
			defer l.serving.Done()
			defer l.drop(conn)
			_ = establish(l.ID(), conn) // the error is the client's: it left, or broke the protocol
		}()
	}
}

func (l *loopback) take(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.open[conn] = struct{}{}
	l.serving.Add(1)
	return true
}

func (l *loopback) drop(conn net.Conn) {
	conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, conn)
}

// Close closes the listener and its connections, after the server has taken leave of its clients.
func (l *loopback) Close(leave listeners.CloseFn) {
	l.Listener.Close()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	leave(l.ID())
	l.mu.Lock()
	for conn := range l.open {
		conn.Close()
	}
	l.mu.Unlock()
	l.serving.Wait()
}
