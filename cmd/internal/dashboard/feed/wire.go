package feed

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

// maxFrame is the most bytes after a frame's header that are kept: the longest topic always fits, and
// so does the longest message of a unit, its ledger with two signed notes. What is left out of a
// longer message is read all the same: a broker would deliver it again at each connection, and one
// account could keep us from all rooms.
const maxFrame = 66 << 10

// The MQTT 3.1.1 control packet types that a broker may send to a client that subscribes with QoS 1
// and publishes nothing.
const (
	typeConnack  = 2
	typePublish  = 3
	typeSuback   = 9
	typeUnsuback = 11
	typePingresp = 13
)

// wire is a connection to a broker that passes on only frames that are complete, of a limited size,
// and of a type that we expect. The MQTT library would allocate 256 MiB for a claimed length, and
// panic on a surplus return code; it never sees either.
//
// Read is called by one goroutine, Write by any.
type wire struct {
	net.Conn
	writeTimeout time.Duration

	in           *bufio.Reader
	frame        [5 + maxFrame]byte // the frame being read
	unread       []byte             // the part of it that is not read yet
	acknowledged bool               // CONNACK has arrived

	once sync.Once
	dead chan struct{} // closed when the connection has ended
	err  error         // why it ended; set before dead is closed
}

func newWire(conn net.Conn, writeTimeout time.Duration) *wire {
	return &wire{Conn: conn, writeTimeout: writeTimeout, in: bufio.NewReaderSize(conn, 16<<10), dead: make(chan struct{})}
}

// errClosed is the reason when we closed the connection ourselves.
var errClosed = errors.New("connection closed")

// kill closes the connection. Only the first reason counts.
func (w *wire) kill(reason error) {
	w.once.Do(func() {
		w.err = reason
		close(w.dead)
		conn := w.Conn
		if t, ok := conn.(*tls.Conn); ok {
			conn = t.NetConn() // closing it never waits for a broker that doesn't read
		}
		conn.Close()
	})
}

// end is why the connection ended, or nil.
func (w *wire) end() error {
	select {
	case <-w.dead:
		return w.err
	default:
		return nil
	}
}

// Close ends the connection.
func (w *wire) Close() error {
	w.kill(errClosed)
	return nil
}

// Write has a deadline, so that a broker that reads nothing blocks nobody.
func (w *wire) Write(p []byte) (int, error) {
	if err := w.Conn.SetWriteDeadline(time.Now().Add(w.writeTimeout)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	if err != nil {
		w.kill(fmt.Errorf("write: %w", err))
	}
	return n, err
}

// Read returns the bytes of frames that have been checked.
func (w *wire) Read(p []byte) (int, error) {
	for len(w.unread) == 0 {
		frame, err := w.next()
		if err != nil {
			w.kill(err)
			return 0, errors.New("the connection has ended") // the library ignores the error of a closed one
		}
		w.unread = frame
	}
	n := copy(p, w.unread)
	w.unread = w.unread[n:]
	return n, nil
}

// next reads one frame, and returns an error for one that is not allowed.
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
	if length > maxFrame && (!w.acknowledged || kind>>4 != typePublish) {
		return nil, rejectFrame("a frame of %d bytes, more than the limit of %d", length, maxFrame)
	}
	body := w.frame[head : head+min(length, maxFrame)]
	if _, err := io.ReadFull(w.in, body); err != nil {
		return nil, noEOF(err)
	}
	if err := w.vet(kind, body); err != nil {
		return nil, err
	}
	if length <= maxFrame {
		return w.frame[:head+length], nil
	}
	for left := length - maxFrame; left > 0; { // in parts: the library's ping has a time limit of its own
		n, err := w.in.Discard(min(left, w.in.Size()))
		if left -= n; err != nil {
			return nil, noEOF(err)
		}
	}
	return shorten(kind, body), nil
}

// shorten makes a publish whose payload is one byte, which nothing understands, of one with a longer
// payload. Its number stays, so it is acknowledged.
func shorten(kind byte, body []byte) []byte {
	keep := 2 + int(binary.BigEndian.Uint16(body))
	if kind>>1&3 > 0 {
		keep += 2
	}
	frame := binary.AppendUvarint([]byte{kind}, uint64(keep+1))
	return append(append(frame, body[:keep]...), cutPayload)
}

// cutPayload stands for a payload that is too long.
const cutPayload = '?'

// vet rejects what no broker may send to us.
func (w *wire) vet(kind byte, body []byte) error {
	if first := !w.acknowledged; first != (kind>>4 == typeConnack) {
		return rejectFrame("a frame of type %d out of turn", kind>>4)
	}
	switch {
	case kind == typeConnack<<4 && len(body) == 2 && body[0] <= 1 && body[1] <= 5:
		w.acknowledged = true
		return nil
	case kind == typeSuback<<4 && len(body) == 3, kind == typeUnsuback<<4 && len(body) == 2,
		kind == typePingresp<<4 && len(body) == 0:
		return nil
	case kind>>4 == typePublish:
		return vetPublish(kind, body)
	}
	return rejectFrame("a frame of type %d with flags %d and %d bytes", kind>>4, kind&0xf, len(body))
}

func vetPublish(kind byte, body []byte) error {
	qos := kind >> 1 & 3
	head := 2 // the topic's length, and the packet's number with QoS 1
	if qos > 0 {
		head = 4
	}
	switch {
	case qos > 1:
		return rejectFrame("a publish with QoS %d", qos)
	case len(body) < head || int(binary.BigEndian.Uint16(body))+head > len(body):
		return rejectFrame("a publish whose topic is longer than the frame")
	case qos == 1 && binary.BigEndian.Uint16(body[2+binary.BigEndian.Uint16(body):]) == 0:
		return rejectFrame("a publish without a number")
	}
	return nil
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
