package mqtt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"time"
)

// Over MQTT 3.1.1 a broker may acknowledge a message that it forbids, and drop it, as Mosquitto
// does. Over MQTT 5 it reports that. So the client also publishes over MQTT 5, on a second
// connection with the client identifier of the probe. A broker that doesn't speak MQTT 5, or
// refuses the second connection, reports nothing.

const (
	notAuthorized = 0x87 // the reason code of MQTT 5
	maxFrame5     = 64   // bytes after the header of a frame that is read
)

var errNoMQTT5 = errors.New("the broker does not answer in MQTT 5")

// droppedMessages publishes the messages over MQTT 5 and returns those that the broker reports as
// forbidden.
func droppedMessages(ctx context.Context, b *broker, clientID string, messages []message,
	within time.Duration) ([]message, error) {
	conn, err := b.dial(ctx, within)
	if err != nil {
		return nil, err
	}
	defer netConn(conn).Close()
	stop := context.AfterFunc(ctx, func() { netConn(conn).Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	if _, err := conn.Write(connectFrame(clientID, b.username, b.password)); err != nil {
		return nil, err
	}
	if kind, body, err := readFrame(in); err != nil || kind>>4 != typeConnack || len(body) < 3 || body[1] != 0 {
		return nil, errNoMQTT5 // a CONNACK of MQTT 3.1.1 has two bytes
	}
	var forbidden []message
	for i, m := range messages {
		if _, err := conn.Write(publishFrame(uint16(i+1), m)); err != nil {
			return nil, err
		}
		kind, body, err := readFrame(in)
		if err != nil || kind>>4 != typePuback || len(body) < 2 || binary.BigEndian.Uint16(body) != uint16(i+1) {
			return nil, errNoMQTT5
		}
		if len(body) > 2 && body[2] == notAuthorized {
			forbidden = append(forbidden, m)
		}
	}
	_, _ = conn.Write([]byte{0xe0, 0}) // DISCONNECT
	return forbidden, nil
}

// readFrame reads one short frame.
func readFrame(in *bufio.Reader) (kind byte, body []byte, err error) {
	if kind, err = in.ReadByte(); err != nil {
		return 0, nil, err
	}
	length, err := in.ReadByte()
	if err != nil {
		return 0, nil, err
	}
	if length > maxFrame5 {
		return 0, nil, errNoMQTT5
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return kind, body, err
}

func connectFrame(clientID, username, password string) []byte {
	flags := byte(0x02) // clean start
	if username != "" {
		flags |= 0x80
		if password != "" {
			flags |= 0x40
		}
	}
	body := append(appendString(nil, "MQTT"), 5, flags, 0, 30, 0) // version, flags, keep alive, no properties
	body = appendString(body, clientID)
	if username != "" {
		body = appendString(body, username)
		if password != "" {
			body = appendString(body, password)
		}
	}
	return makeFrame(0x10, body)
}

func publishFrame(id uint16, m message) []byte {
	kind := byte(0x32) // QoS 1
	if m.retained {
		kind |= 1
	}
	body := binary.BigEndian.AppendUint16(appendString(nil, m.topic), id)
	return makeFrame(kind, append(append(body, 0), m.payload...))
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// makeFrame adds the header of a frame.
func makeFrame(kind byte, body []byte) []byte {
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

// findDropped asks the broker, over MQTT 5, which messages it acknowledges and drops. It may take a
// while, and sends the answer to c.verdicts.
func (c *Client) findDropped(ctx context.Context, b *broker) {
	tries := []message{{topic: c.names.Alert("probe"), qos: 1, retained: true}}
	if t := c.names.Discovery(); t != "" {
		tries = append(tries, message{topic: t, payload: c.describer.final, qos: 1, retained: true})
	}
	id := c.secondID()
	dropped, err := droppedMessages(ctx, b, id, tries, c.time.connect)
	if err == nil && slices.ContainsFunc(dropped, func(m message) bool { return c.kindOf(m.topic) == alert }) {
		// Perhaps the broker drops everything. This state is blank and not retained, and probably
		// reaches nobody.
		var more []message
		more, err = droppedMessages(ctx, b, id, []message{{topic: c.names.State(), payload: []byte(" "), qos: 1}},
			c.time.connect)
		dropped = append(dropped, more...)
	}
	if err == nil {
		select {
		case <-c.verdicts: // of an earlier connection
		default:
		}
		c.verdicts <- dropped
	}
}
