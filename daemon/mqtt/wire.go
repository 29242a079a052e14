package mqtt

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxFrame is the most bytes after a frame's header. The frames that we need are tiny:
	// acknowledgements, one word from Home Assistant, and for the office a unit's state.
	maxFrame = 4096
	// spareFrames is how many frames a broker may send beyond one for each of ours. Only births of
	// Home Assistant use them up, and those are rare. Beyond that the connection is closed, so a
	// flood is slowed down by the pauses before reconnecting.
	spareFrames = 1000
)

// The MQTT 3.1.1 control packet types that a broker may send.
const (
	typeConnack  = 2
	typePublish  = 3
	typePuback   = 4
	typeSuback   = 9
	typePingresp = 13
)

// wire is a connection to a broker that passes on only frames that are complete, small and of a
// type that we expect. The MQTT library would allocate 256 MiB for a claimed length, and panic on a
// surplus return code; it never sees either. Messages on a topic that we haven't subscribed to are
// discarded.
//
// Read is called by one goroutine, Write by any.
type wire struct {
	net.Conn
	subscribed   []string // the topics that messages may come on
	writeTimeout time.Duration

	in           *bufio.Reader
	frame        [5 + maxFrame]byte // the frame being read
	unread       []byte             // the part of it that is not read yet
	acknowledged bool               // CONNACK has arrived; until then only one goroutine uses the wire

	once sync.Once
	dead chan struct{} // closed when the connection has ended
	err  error         // why it ended; set before dead is closed

	mu     sync.Mutex
	credit int // guarded by mu; frames that the broker may still send
}

func newWire(conn net.Conn, subscribed []string, writeTimeout time.Duration) *wire {
	return &wire{
		Conn: conn, subscribed: subscribed, writeTimeout: writeTimeout,
		in: bufio.NewReaderSize(conn, 1024), dead: make(chan struct{}), credit: spareFrames,
	}
}

// errClosed is the reason when we closed the connection ourselves.
var errClosed = errors.New("connection closed")

// kill closes the connection. Only the first reason counts.
func (w *wire) kill(reason error) {
	w.once.Do(func() {
		w.err = reason
		close(w.dead)
		netConn(w.Conn).Close()
	})
}

// netConn is the connection below TLS. Closing it never waits for a broker that doesn't read.
func netConn(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// Close ends the connection.
func (w *wire) Close() error {
	w.kill(errClosed)
	return nil
}

// Write has a deadline, so that a broker that reads nothing blocks nobody.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.credit = min(w.credit+1, 2*spareFrames)
	w.mu.Unlock()
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.kill(fmt.Errorf("write: %w", w.writeError(err)))
		return n, err
	}
	return n, w.Conn.SetWriteDeadline(time.Time{})
}

// writeError returns the cause of a failed write. With TLS 1.3 a broker rejects the unit's
// certificate after the handshake, possibly before CONNECT is written. Its alert is then still
// unread, since nobody reads before CONNECT.
func (w *wire) writeError(failed error) error {
	if w.acknowledged || w.Conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return failed
	}
	if _, err := w.in.ReadByte(); isAlert(err) {
		return err
	}
	return failed
}

// Read returns the bytes of frames that have been checked.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.unread) == 0 {
		frame, err := w.next()
		if err != nil {
			w.kill(err)
			// The library ignores the error of a closed connection.
			return 0, fmt.Errorf("connection ended: %s", endText(w.err))
		}
		w.unread = frame
	}
	n := copy(p, w.unread)
	w.unread = w.unread[n:]
	return n, nil
}

// endText is the text of an error without the words by which the library recognises a connection
// that it closed itself.
func endText(err error) string {
	if errors.Is(err, net.ErrClosed) {
		return "closed"
	}
	return err.Error()
}

// next reads one frame. It returns nil for one to discard, and an error for one that is not
// allowed.
func (w *wire) next() ([]byte, error) {
	kind, err := w.in.ReadByte()
	if err != nil {
		return nil, err
	}
	w.frame[0] = kind
	length, head := 0, 1
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return nil, rejectFrame("a frame whose length has no end")
		}
		b, err := w.in.ReadByte()
		if err != nil {
			return nil, noEOF(err)
		}
		w.frame[head] = b
		head++
		length |= int(b&0x7f) << shift
		if b&0x80 == 0 {
			break
		}
	}
	if length > maxFrame {
		return nil, rejectFrame("a frame of %d bytes, more than the limit of %d", length, maxFrame)
	}
	body := w.frame[head : head+length]
	if _, err := io.ReadFull(w.in, body); err != nil {
		return nil, noEOF(err)
	}
	if !w.spend() {
		return nil, rejectFrame("a flood of unrequested frames")
	}
	wanted, err := w.vet(kind, body)
	if err != nil || !wanted {
		return nil, err
	}
	return w.frame[:head+length], nil
}

// spend takes one frame off the broker's credit, and reports whether it had any.
func (w *wire) spend() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credit--
	return w.credit >= 0
}

// vet reports whether a frame is passed on. It rejects what no broker may send to a client that
// subscribes with QoS 0 and publishes with QoS 1.
func (w *wire) vet(kind byte, body []byte) (wanted bool, err error) {
	if first := !w.acknowledged; first != (kind>>4 == typeConnack) {
		return false, rejectFrame("a frame of type %d out of turn", kind>>4)
	}
	switch {
	case kind == typeConnack<<4 && len(body) == 2 && body[0] <= 1 && body[1] <= 5:
		w.acknowledged = true
		return true, nil
	case kind == typePuback<<4 && len(body) == 2,
		kind == typeSuback<<4 && len(body) == 3,
		kind == typePingresp<<4 && len(body) == 0:
		return true, nil
	case kind>>4 == typePublish:
		return w.vetPublish(kind, body)
	}
	return false, rejectFrame("a frame of type %d with flags %d and %d bytes", kind>>4, kind&0xf, len(body))
}

func (w *wire) vetPublish(kind byte, body []byte) (wanted bool, err error) {
	if len(body) < 2 {
		return false, rejectFrame("a publish without a topic")
	}
	end := 2 + int(binary.BigEndian.Uint16(body))
	if end > len(body) {
		return false, rejectFrame("a publish whose topic is longer than the frame")
	}
	qos := kind >> 1 & 3
	return qos == 0 && slices.Contains(w.subscribed, string(body[2:end])), nil
}

// badFrame is the error for a frame that is not allowed.
type badFrame struct{ what string }

func (r badFrame) Error() string { return "the broker sent " + r.what }

func rejectFrame(format string, args ...any) error { return badFrame{fmt.Sprintf(format, args...)} }

// noEOF turns the end of the connection within a frame into an unexpected one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
