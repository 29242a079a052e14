package forget

import (
	"bufio"
	"errors"
	"io"
	"net"
)

// maxFrame is longer than anything that a room retains, in bytes after a frame's header.
const maxFrame = 64 << 10

// limited passes on whole frames of a limited length. The MQTT library would allocate 256 MiB for a
// length that is only claimed.
type limited struct {
	net.Conn
	in     *bufio.Reader
	unread []byte
}

func limit(conn net.Conn) net.Conn {
	if conn == nil {
		return nil
	}
	return &limited{Conn: conn, in: bufio.NewReader(conn)}
}

// Read is called by one goroutine.
func (l *limited) Read(p []byte) (int, error) {
	if len(l.unread) == 0 {
		frame, err := l.next()
		if err != nil {
			l.Conn.Close()
			return 0, err
		}
		l.unread = frame
	}
	n := copy(p, l.unread)
	l.unread = l.unread[n:]
	return n, nil
}

var errFrame = errors.New("the broker sent a frame that is too long")

// next reads a frame: a byte, a length of seven bits a byte, and the rest.
func (l *limited) next() ([]byte, error) {
	kind, err := l.in.ReadByte()
	if err != nil {
		return nil, err
	}
	frame, length := []byte{kind}, 0
	for shift := 0; ; shift += 7 {
		b, err := l.in.ReadByte()
		if err != nil {
			return nil, err
		}
		if shift > 21 {
			return nil, errFrame
		}
		frame = append(frame, b)
		if length |= int(b&0x7f) << shift; b&0x80 == 0 {
			break
		}
	}
	if length > maxFrame {
		return nil, errFrame
	}
	head := len(frame)
	frame = append(frame, make([]byte, length)...)
	_, err = io.ReadFull(l.in, frame[head:])
	return frame, err
}
