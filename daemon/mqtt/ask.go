package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"time"
)

// A broker that speaks MQTT 3.1.1 may also acknowledge what it forbids, and drop it: Mosquitto
// does. In MQTT 5 it says so. So the broker is asked in MQTT 5 too, on a connection of its own, by
// the name of the probe; one that doesn't speak it, or lets a second connection in no more, has
// said nothing.

const (
	notAuthorized = 0x87 // a reason code of MQTT 5
	maxReasons    = 64   // bytes, of a frame that is looked at
)

var errNoWord = errors.New("the broker does not answer in MQTT 5")

// refusals are the steps that the broker says it forbids.
func refusals(ctx context.Context, b *broker, clientID string, messages []message,
	within time.Duration) ([]message, error) {
	conn, err := b.dial(ctx, within)
	if err != nil {
		return nil, err
	}
	defer under(conn).Close()
	stop := context.AfterFunc(ctx, func() { under(conn).Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	if _, err := conn.Write(connect5(clientID, b.username, b.password)); err != nil {
		return nil, err
	}
	if kind, body, err := frame5(in); err != nil || kind>>4 != typeConnack || len(body) < 3 || body[1] != 0 {
		// of MQTT 3.1.1 it has two bytes
		return nil, errNoWord
	}
	var forbidden []message
	for i, m := range messages {
		if _, err := conn.Write(publish5(uint16(i+1), m)); err != nil {
			return nil, err
		}
		kind, body, err := frame5(in)
		if err != nil || kind>>4 != typePuback || len(body) < 2 || binary.BigEndian.Uint16(body) != uint16(i+1) {
			return nil, errNoWord
		}
		if len(body) > 2 && body[2] == notAuthorized {
			forbidden = append(forbidden, m)
		}
	}
	_, _ = conn.Write([]byte{0xe0, 0}) // DISCONNECT
	return forbidden, nil
}

// frame5 reads one short frame.
func frame5(in *bufio.Reader) (kind byte, body []byte, err error) {
	if kind, err = in.ReadByte(); err != nil {
		return 0, nil, err
	}
	length, err := in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	if length > maxReasons {
		return 0, nil, errNoWord
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return kind, body, err
}

func connect5(clientID, username, password string) []byte {
	flags := byte(0x02) // clean start
	if username != "" {
		flags |= 0x80
		if password != "" {
			flags |= 0x40
		}
	}
	body := append(text5(nil, "MQTT"), 5, flags, 0, 30, 0) // version, flags, keep alive, no properties
	body = text5(body, clientID)
	if username != "" {
		body = text5(body, username)
		if password != "" {
			body = text5(body, password)
		}
	}
	return packet5(0x10, body)
}

func publish5(id uint16, m message) []byte {
	kind := byte(0x32) // QoS 1
	if m.retained {
		kind |= 1
	}
	body := binary.BigEndian.AppendUint16(text5(nil, m.topic), id)
	return packet5(kind, append(append(body, 0), m.payload...))
}

func text5(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

func packet5(kind byte, body []byte) []byte {
	b := []byte{kind}
	for n := len(body); ; {
		digit := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			b = append(b, digit)
			return append(b, body...)
		}
		b = append(b, digit|0x80)
	}
}
