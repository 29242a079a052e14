package mqtt

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// maxFrame bounds what follows a frame's header, in bytes. All that we have use for is tiny:
	// acknowledgements and one word from Home Assistant.
	maxFrame = 4096
	// spareFrames is how many frames a broker may send beyond one for each of ours. With
	// acknowledgements it uses none up; the rest is births of Home Assistant, one each in a good
	// while. Then it has to be connected to anew, which a flood makes slow.
	spareFrames = 1000
)

// MQTT 3.1.1 control packet types that a broker may send to us.
const (
	typeConnack  = 2
	typePublish  = 3
	typePuback   = 4
	typeSuback   = 9
	typePingresp = 13
)

// wire is a connection to a broker that lets through only frames which are whole, small and of a
// form that we have asked for. The MQTT library behind it takes a length of 256 MiB at its word and
// a surplus return code for an index; it never sees either. Publishes on a topic that we haven't
// subscribed to are swallowed.
//
// Read is called by one goroutine, Write by any.
type wire struct {
	net.Conn
	listen       string // the one topic, or "" for none
	writeTimeout time.Duration

	in    *bufio.Reader
	frame [5 + maxFrame]byte // the frame being handed on
	rest  []byte             // what of it is still to be read
	greet bool               // CONNACK has been seen: before that, one goroutine does all

	once sync.Once
	dead chan struct{} // closed when the connection is of no more use
	err  error         // why; read after dead

	mu     sync.Mutex
	credit int // guarded by mu; frames that may still come
}

func newWire(conn net.Conn, listen string, writeTimeout time.Duration) *wire {
	return &wire{
		Conn: conn, listen: listen, writeTimeout: writeTimeout,
		in: bufio.NewReaderSize(conn, 1024), dead: make(chan struct{}), credit: spareFrames,
	}
}

// errHungUp is an end that we made ourselves.
var errHungUp = errors.New("connection given up")

// kill ends the connection; the first reason stays.
func (w *wire) kill(why error) {
	w.once.Do(func() {
		w.err = why
		close(w.dead)
		under(w.Conn).Close()
	})
}

// under is the connection below TLS. Closing that one never waits for a broker which doesn't read.
func under(conn net.Conn) net.Conn {
	if t, ok := conn.(*tls.Conn); ok {
		return t.NetConn()
	}
	return conn
}

// Close ends the connection.
func (w *wire) Close() error {
	w.kill(errHungUp)
	return nil
}

// Write is bounded in time, so that a broker which reads nothing holds nobody up.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	w.credit = min(w.credit+1, 2*spareFrames)
	w.mu.Unlock()
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.kill(fmt.Errorf("write: %w", w.lastWord(err)))
		return n, err
	}
	return n, w.Conn.SetWriteDeadline(time.Time{})
}

// lastWord is why a write failed. A broker that refuses the unit's certificate says so after the
// handshake, and may have hung up before CONNECT was written: its word still waits to be read, and
// nobody reads before CONNECT.
func (w *wire) lastWord(failed error) error {
	if w.greet || w.Conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return failed
	}
	if _, err := w.in.ReadByte(); isAlert(err) {
		return err
	}
	return failed
}

// Read hands on frames that have been vetted.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.rest) == 0 {
		frame, err := w.next()
		if err != nil {
			w.kill(err)
			// Not the error of a closed connection: the library takes no notice of that one.
			return 0, fmt.Errorf("connection ended: %s", reason(w.err))
		}
		w.rest = frame
	}
	n := copy(p, w.rest)
	w.rest = w.rest[n:]
	return n, nil
}

// reason is the text of an end without the words by which the library knows a connection that it
// closed itself.
func reason(err error) string {
	if errors.Is(err, net.ErrClosed) {
		return "closed"
	}
	return err.Error()
}

// next reads one frame: nil if it is of no interest, an error if it is refused.
func (w *wire) next() ([]byte, error) {
	kind, err := w.in.ReadByte()
	if err != nil {
		return nil, err
	}
	w.frame[0] = kind
	length, head := 0, 1
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return nil, refuse("a frame whose length has no end")
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
		return nil, refuse("a frame of %d bytes, at most %d are taken", length, maxFrame)
	}
	body := w.frame[head : head+length]
	if _, err := io.ReadFull(w.in, body); err != nil {
		return nil, noEOF(err)
	}
	if !w.pay() {
		return nil, refuse("a flood of frames that nobody asked for")
	}
	wanted, err := w.vet(kind, body)
	if err != nil || !wanted {
		return nil, err
	}
	return w.frame[:head+length], nil
}

// pay takes one frame off the broker's credit.
func (w *wire) pay() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.credit--
	return w.credit >= 0
}

// vet says whether a frame is to be handed on, and refuses what no broker may send to a client that
// subscribes to one topic with QoS 0 and publishes with QoS 1.
func (w *wire) vet(kind byte, body []byte) (wanted bool, err error) {
	if first := !w.greet; first != (kind>>4 == typeConnack) {
		return false, refuse("a frame of type %d out of turn", kind>>4)
	}
	switch {
	case kind == typeConnack<<4 && len(body) == 2 && body[0] <= 1 && body[1] <= 5:
		w.greet = true
		return true, nil
	case kind == typePuback<<4 && len(body) == 2,
		kind == typeSuback<<4 && len(body) == 3,
		kind == typePingresp<<4 && len(body) == 0:
		return true, nil
	case kind>>4 == typePublish:
		return w.vetPublish(kind, body)
	}
	return false, refuse("a frame of type %d with flags %d and %d bytes", kind>>4, kind&0xf, len(body))
}

func (w *wire) vetPublish(kind byte, body []byte) (wanted bool, err error) {
	if len(body) < 2 {
		return false, refuse("a publish without a topic")
	}
	end := 2 + int(binary.BigEndian.Uint16(body))
	if end > len(body) {
		return false, refuse("a publish whose topic is longer than the frame")
	}
	qos := kind >> 1 & 3
	return qos == 0 && w.listen != "" && string(body[2:end]) == w.listen, nil
}

// refused is a frame that we don't take.
type refused struct{ what string }

func (r refused) Error() string { return "the broker sent " + r.what }

func refuse(format string, args ...any) error { return refused{fmt.Sprintf(format, args...)} }

// noEOF makes an end within a frame an unexpected one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
