package broker

import (
	"log/slog"
	"net"
	"sync"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// loopback is the broker's one listener. Unlike the library's own it ends every connection with
// itself, one on which nobody has said a word too, and returns from Close only when the last is
// gone: the library counts a connection where nothing orders the counting before the end that waits
// for it.
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

// Serve hands every connection on until Close.
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
			_ = establish(l.ID(), conn) // its error is the client's: it went, or said what it shouldn't
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

// Close ends the listener and its connections: of those that are known the server takes its leave
// first.
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
