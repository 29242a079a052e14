package mqtt

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// tape is a connection that delivers a recorded stream in pieces of some size.
type tape struct {
	net.Conn
	in     *bytes.Reader
	piece  int
	closed bool
}

func (c *tape) Read(p []byte) (int, error) {
	if c.closed {
		return 0, net.ErrClosed
	}
	return c.in.Read(p[:min(len(p), c.piece)])
}
func (c *tape) Write(p []byte) (int, error)      { return len(p), nil }
func (c *tape) Close() error                     { c.closed = true; return nil }
func (c *tape) SetDeadline(time.Time) error      { return nil }
func (c *tape) SetWriteDeadline(time.Time) error { return nil }

func play(data []byte, piece int, listen string) *wire {
	return newWire(&tape{in: bytes.NewReader(data), piece: piece}, []string{listen}, time.Second)
}

// cut splits off the first frame, without any of the wire's rules.
func cut(data []byte) (frame, unread []byte, ok bool) {
	length, shift := 0, 0
	for i := 1; i < len(data) && i <= 4; i++ {
		length |= int(data[i]&0x7f) << shift
		shift += 7
		if data[i]&0x80 == 0 {
			end := i + 1 + length
			if end > len(data) {
				return nil, data, false
			}
			return data[:end], data[end:], true
		}
	}
	return nil, data, false
}

// A broker may send anything. What comes out are whole frames that came in, in order, of the types
// that the library can handle.
func FuzzWire(f *testing.F) {
	connack := []byte{0x20, 2, 0, 0}
	publish := frame(func() packets.ControlPacket {
		p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
		p.TopicName, p.Payload = "homeassistant/status", []byte("online")
		return p
	}())
	all := [][]byte{
		connack, publish, {0x40, 2, 0, 1}, {0x90, 3, 0, 1, 0}, {0x90, 4, 0, 1, 0, 0}, {0xd0, 0}, bomb,
		{0x30, 0x81, 0x20}, {0x31, 2, 0, 0}, {0x30, 0x80, 0x80, 0x80, 0x80, 1}, {0x30, 0x82, 0x80, 0x80, 0, 0, 0},
	}
	for _, a := range all {
		f.Add(append(bytes.Clone(connack), a...), byte(1), true)
		f.Add(a, byte(200), false)
		f.Add(bytes.Join([][]byte{connack, a, publish, {0x40, 2, 0, 9}}, nil), byte(3), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, piece byte, listens bool) {
		listen := ""
		if listens {
			listen = "homeassistant/status"
		}
		w := play(data, int(piece)+1, listen)
		out, err := io.ReadAll(w)
		if err == nil {
			t.Fatal("an end without an error")
		}
		select {
		case <-w.dead:
		default:
			t.Fatal("ended, and not dead")
		}
		checkFrames(t, data, out, listen)
		// The library alone reads just these frames.
		again, n := play(data, int(piece)+1, listen), 0
		for {
			p, err := packets.ReadPacket(again)
			if err != nil {
				break
			}
			n += len(frame(p))
		}
		if n > len(out) {
			t.Fatalf("the library read %d bytes of %d", n, len(out))
		}
	})
}

// checkFrames checks that the frames of out are among those of in, in order.
func checkFrames(t *testing.T, in, out []byte, listen string) {
	t.Helper()
	for n := 0; len(out) > 0; n++ {
		got, rest, ok := cut(out)
		if !ok {
			t.Fatalf("half a frame came out: % x", out)
		}
		out = rest
		for {
			var came []byte
			if came, in, ok = cut(in); !ok {
				t.Fatalf("a frame came out that didn't come in: % x", got)
			}
			if bytes.Equal(came, got) {
				break
			}
			if came[0]>>4 != typePublish {
				t.Fatalf("swallowed: % x", came)
			}
		}
		body := got[1+lengthBytes(got):]
		switch {
		case len(body) > maxFrame:
			t.Fatalf("a frame of %d bytes", len(body))
		case (n == 0) != (got[0] == 0x20):
			t.Fatalf("frame %d is % x", n, got)
		case got[0] == 0x90 && len(body) != 3, got[0] == 0x40 && len(body) != 2, got[0] == 0xd0 && len(body) != 0:
			t.Fatalf("a malformed frame: % x", got)
		case got[0]>>4 == typePublish && (got[0]&6 != 0 || listen == "" || !bytes.HasPrefix(body[2:], []byte(listen))):
			t.Fatalf("a publish that we didn't ask for: % x", got)
		}
	}
}

func lengthBytes(frame []byte) int {
	n := 1
	for frame[n]&0x80 != 0 {
		n++
	}
	return n
}

func TestWireRefusesBeforeItReads(t *testing.T) {
	w := play(append([]byte{0x20, 2, 0, 0, 0x30, 0x81, 0x20}, make([]byte, 5000)...), 1, "")
	out, _ := io.ReadAll(w)
	if !bytes.Equal(out, []byte{0x20, 2, 0, 0}) {
		t.Errorf("% x came out", out)
	}
	var r badFrame
	if !errors.As(w.err, &r) || r.what != "a frame of 4097 bytes, more than the limit of 4096" {
		t.Errorf("ended with %v", w.err)
	}
	if left := w.Conn.(*tape).in.Len(); left != 5000 {
		t.Errorf("%d bytes left, want 5000: it read on", left)
	}
	// One byte less is allowed, and discarded.
	w = play(append(append([]byte{0x20, 2, 0, 0, 0x30, 0x80, 0x20, 0, 1}, make([]byte, 4094)...), 0xd0, 0), 100, "")
	out, _ = io.ReadAll(w)
	if !bytes.Equal(out, []byte{0x20, 2, 0, 0, 0xd0, 0}) {
		t.Errorf("% x came out", out)
	}
}

func TestWireEndsWithinAFrame(t *testing.T) {
	for _, data := range [][]byte{{0x20}, {0x20, 2}, {0x20, 2, 0}, {0x20, 2, 0, 0, 0x40}} {
		w := play(data, 100, "")
		io.ReadAll(w)
		if !errors.Is(w.err, io.ErrUnexpectedEOF) {
			t.Errorf("% x: %v", data, w.err)
		}
	}
	w := play([]byte{0x20, 2, 0, 0}, 100, "")
	io.ReadAll(w)
	if !errors.Is(w.err, io.EOF) {
		t.Errorf("a whole frame and the end: %v", w.err)
	}
}

// Acknowledgements never use the credit up.
func TestCreditGrowsWithWhatWeSay(t *testing.T) {
	acks := append([]byte{0x20, 2, 0, 0}, bytes.Repeat([]byte{0x40, 2, 0, 1}, 3*spareFrames)...)
	w := play(acks, 1<<16, "")
	buf := make([]byte, 4)
	for i := range 3*spareFrames + 1 {
		w.Write([]byte{0xc0, 0})
		if _, err := io.ReadFull(w, buf); err != nil {
			t.Fatalf("frame %d: %v", i, w.err)
		}
	}
	w = play(acks, 1<<16, "")
	if out, _ := io.ReadAll(w); len(out) != 4*spareFrames {
		t.Errorf("%d frames without a word of ours, want %d", len(out)/4, spareFrames)
	}
}
