package broker

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

const (
	// introduce is how long a client may take for TLS and CONNECT together.
	introduce = 10 * time.Second
	// maxStrangers is how many clients may be introducing themselves at once, and maxFromOne how many
	// of them from one address.
	maxStrangers = 256
	maxFromOne   = 32
	// acceptPause is the pause after the system refused a connection, such as for want of files.
	acceptPause = 100 * time.Millisecond
)

// listener accepts TLS connections. The MQTT library's own one sets no deadline before CONNECT, and
// keeps connections open at the end.
type listener struct {
	net.Listener
	config  *tls.Config
	log     *slog.Logger
	gone    func(net.Conn) // called when a connection has ended
	serving sync.WaitGroup

	mu        sync.Mutex
	ended     bool                  // guarded by mu
	open      map[net.Conn]struct{} // guarded by mu
	strangers map[string]int        // guarded by mu; by address
	unknown   int                   // guarded by mu; all strangers
}

var _ listeners.Listener = (*listener)(nil)

func newListener(l net.Listener, config *tls.Config, log *slog.Logger, gone func(net.Conn)) *listener {
	return &listener{Listener: l, config: config, log: log, gone: gone, open: map[net.Conn]struct{}{},
		strangers: map[string]int{}}
}

func (l *listener) ID() string                { return "tls" }
func (l *listener) Address() string           { return l.Addr().String() }
func (l *listener) Protocol() string          { return "tls" }
func (l *listener) Init(_ *slog.Logger) error { return nil }

// Serve serves every connection until Close.
func (l *listener) Serve(establish listeners.EstablishFn) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if l.hasEnded() {
				return
			}
			time.Sleep(acceptPause)
			continue
		}
		s := &stranger{Conn: conn, of: l, from: host(conn.RemoteAddr())}
		if !l.take(s) {
			conn.Close()
			continue
		}
		go func() {
			defer l.serving.Done()
			defer l.drop(s)
			l.serve(s, establish)
		}()
	}
}

func (l *listener) serve(s *stranger, establish listeners.EstablishFn) {
	if s.Conn.SetDeadline(time.Now().Add(introduce)) != nil {
		return
	}
	secure := tls.Server(s, l.config)
	ctx, cancel := context.WithTimeout(context.Background(), introduce)
	defer cancel()
	if secure.HandshakeContext(ctx) != nil {
		return
	}
	defer l.gone(secure)
	defer func() { // a fault of the library's in one connection must not end the dashboard
		if fault := recover(); fault != nil {
			l.log.Error("the broker closed a connection", "from", s.from, "fault", fault)
		}
	}()
	_ = establish(l.ID(), secure) // the error is the client's: it left, or broke the protocol
}

// stranger is a connection whose client has not introduced itself yet. See known.
type stranger struct {
	net.Conn
	of   *listener
	from string
	once sync.Once
}

// known is called when the client has a name.
func (s *stranger) known() {
	s.once.Do(func() {
		s.of.mu.Lock()
		defer s.of.mu.Unlock()
		s.of.unknown--
		if s.of.strangers[s.from]--; s.of.strangers[s.from] == 0 {
			delete(s.of.strangers, s.from)
		}
	})
}

func (l *listener) hasEnded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *listener) take(s *stranger) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.unknown >= maxStrangers || l.strangers[s.from] >= maxFromOne {
		return false
	}
	l.unknown++
	l.strangers[s.from]++
	l.open[s] = struct{}{}
	l.serving.Add(1)
	return true
}

func (l *listener) drop(s *stranger) {
	s.Close()
	s.known()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s)
}

// Close closes the listener and its connections, after the server has taken leave of its clients.
func (l *listener) Close(leave listeners.CloseFn) {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.Listener.Close()
	leave(l.ID())
	l.mu.Lock()
	for conn := range l.open {
		conn.Close()
	}
	l.mu.Unlock()
	l.serving.Wait()
}

// introduced reports to the listener that the client of a connection has a name.
func introduced(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		if s, ok := secure.NetConn().(*stranger); ok {
			s.known()
		}
	}
}

func host(a net.Addr) string {
	h, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return h
}
