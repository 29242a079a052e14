package feed

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

const deadline = 30 * time.Second

// hostile is a broker that answers CONNECT and then does what a test wants.
func hostile(t *testing.T, then func(net.Conn)) *Feed {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := packets.ReadPacket(conn); err != nil {
					return
				}
				conn.Write([]byte{typeConnack << 4, 2, 0, 0})
				then(conn)
			}()
		}
	}()
	f, err := New(Options{Broker: "mqtt://" + listener.Addr().String(), ClientID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	f.time.retryMin, f.time.retryMax, f.time.settle = time.Millisecond, 10*time.Millisecond, 100*time.Millisecond
	return f
}

// run runs the feed until the test ends.
func run(t *testing.T, f *Feed) <-chan Event {
	events := make(chan Event, 100)
	f.o.Out = events
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return events
}

// await returns the first event that satisfies a condition.
func await(t *testing.T, events <-chan Event, what string, ok func(Event) bool) Event {
	t.Helper()
	late := time.After(deadline)
	for {
		select {
		case e := <-events:
			if ok(e) {
				return e
			}
		case <-late:
			t.Fatalf("%s: not in %v", what, deadline)
		}
	}
}

// Whatever is no frame for us ends the connection, with the reason, before the library sees it.
func TestHostileFrames(t *testing.T) {
	for what, frame := range map[string][]byte{
		"a frame of 268435455 bytes":  {typePingresp << 4, 0xff, 0xff, 0xff, 0x7f},
		"a frame whose length has no": {typePublish << 4, 0xff, 0xff, 0xff, 0xff, 0xff},
		"a frame of type 9":           {typeSuback << 4, 5, 0, 1, 0, 0, 0},
		"a frame of type 2":           {typeConnack << 4, 2, 0, 0},
		"a publish with QoS 2":        {typePublish<<4 | 4, 5, 0, 1, 'a', 0, 1},
		"a publish whose topic":       {typePublish << 4, 3, 0, 9, 'a'},
		"a publish without a number":  {typePublish<<4 | 2, 5, 0, 1, 'a', 0, 0},
		"a frame of type 6":           {6<<4 | 2, 2, 0, 1},
		"a frame of type 12":          {12 << 4, 0},
	} {
		t.Run(what, func(t *testing.T) {
			events := run(t, hostile(t, func(conn net.Conn) {
				conn.Write(frame)
				io.Copy(io.Discard, conn)
			}))
			await(t, events, what, func(e Event) bool { return e.Status != nil && strings.Contains(e.Status.Trouble, what) })
		})
	}
}

// publishFrame is a message with QoS 1.
func publishFrame(number uint16, size int) []byte {
	p := packets.NewControlPacket(packets.Publish).(*packets.PublishPacket)
	p.TopicName, p.Payload, p.Qos, p.MessageID = "tacet/a/b/event", make([]byte, size), 1, number
	var b bytes.Buffer
	p.Write(&b)
	return b.Bytes()
}

// answer grants subscriptions a quality of service, until the connection ends.
func answer(conn net.Conn, qos byte, acknowledged chan<- uint16) {
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packets.SubscribePacket:
			conn.Write([]byte{typeSuback << 4, 3, byte(p.MessageID >> 8), byte(p.MessageID), qos})
		case *packets.PubackPacket:
			acknowledged <- p.MessageID
		}
	}
}

// A broker that grants less than was asked for loses events while nobody listens: that is said.
func TestWeakSubscription(t *testing.T) {
	for qos, warned := range []bool{true, false} {
		events := run(t, hostile(t, func(conn net.Conn) { answer(conn, byte(qos), nil) }))
		e := await(t, events, "complete", func(e Event) bool { return e.Status != nil && e.Status.Complete })
		if strings.Contains(e.Status.Advice, "QoS 0") != warned {
			t.Errorf("granted %d: %+v", qos, e.Status)
		}
	}
}

// A message that is too long comes as one that nobody understands, and is acknowledged. It is no
// reason to lose the others: a retained one would come again at each connection.
func TestTooLongMessage(t *testing.T) {
	acknowledged := make(chan uint16, 2)
	events := run(t, hostile(t, func(conn net.Conn) {
		conn.Write(publishFrame(7, 5<<20))
		conn.Write(publishFrame(8, 3))
		answer(conn, 1, acknowledged)
	}))
	for i, size := range []int{1, 3} {
		e := await(t, events, "a message", func(e Event) bool {
			if e.Status != nil && strings.Contains(e.Status.Trouble, "frame") {
				t.Fatalf("the connection ended: %s", e.Status.Trouble)
			}
			return e.Message != nil
		})
		if len(e.Message.Payload) != size {
			t.Errorf("message %d has %d bytes", i, len(e.Message.Payload))
		}
		e.Done()
		if got := <-acknowledged; got != uint16(7+i) {
			t.Errorf("number %d is acknowledged", got)
		}
	}
}

// A broker that floods us while nothing can be stored takes a limited memory.
func TestFlood(t *testing.T) {
	f := hostile(t, func(conn net.Conn) {
		go io.Copy(io.Discard, conn)
		for n := uint16(1); ; n = max(n+1, 1) {
			if _, err := conn.Write(publishFrame(n, 16<<10)); err != nil {
				return
			}
		}
	})
	events := run(t, f)
	held, most := 0, maxHeldBytes/(16<<10+len("tacet/a/b/event")+messageCost)
	await(t, events, "as many messages as may be held", func(e Event) bool {
		if e.Message != nil {
			held++ // and never Done
		}
		return held == most
	})
	if f.budget.take(16<<10, false, nil) {
		t.Error("there is room for more")
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 2*maxHeldBytes {
		t.Errorf("%d MB are in use", m.HeapAlloc>>20)
	}
}

// Acknowledgements leave in the order in which the messages came, after Done and not before.
func TestAcknowledges(t *testing.T) {
	numbers := make(chan uint16, 10)
	events := run(t, hostile(t, func(conn net.Conn) {
		for n := range uint16(3) {
			conn.Write(publishFrame(n+1, 10))
		}
		for {
			p, err := packets.ReadPacket(conn)
			if err != nil {
				return
			}
			switch p := p.(type) {
			case *packets.SubscribePacket:
				conn.Write(binary.BigEndian.AppendUint16([]byte{typeSuback << 4, 3}, p.MessageID))
				conn.Write([]byte{1})
			case *packets.PubackPacket:
				numbers <- p.MessageID
			}
		}
	}))
	var waiting []Event
	await(t, events, "complete", func(e Event) bool {
		if e.Message != nil {
			waiting = append(waiting, e)
		}
		return e.Status != nil && e.Status.Complete
	})
	if len(numbers) > 0 || len(waiting) != 3 {
		t.Fatalf("%d are acknowledged, %d have come", len(numbers), len(waiting))
	}
	for _, e := range waiting {
		e.Done()
	}
	for want := range uint16(3) {
		select {
		case n := <-numbers:
			if n != want+1 {
				t.Errorf("%d is acknowledged before %d", n, want+1)
			}
		case <-time.After(deadline):
			t.Fatal("not acknowledged")
		}
	}
}

// A refusal is explained.
func TestRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	f, err := New(Options{Broker: "mqtt://" + address, ClientID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	f.time.retryMin, f.time.retryMax = time.Millisecond, 10*time.Millisecond
	events := run(t, f)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		packets.ReadPacket(conn)
		conn.Write([]byte{typeConnack << 4, 2, 0, 5})
		conn.Close()
		listener.Close()
	}()
	await(t, events, "refused", func(e Event) bool { return strings.Contains(e.Status.Trouble, "refuses the dashboard") })
	e := await(t, events, "nothing there", func(e Event) bool { return strings.Contains(e.Status.Trouble, "nothing listens") })
	if e.Status.Advice == "" || e.Broker != address {
		t.Errorf("%+v", e)
	}
}

// conn is a connection from which bytes are read.
type conn struct {
	net.Conn
	r io.Reader
}

func (c conn) Read(p []byte) (int, error) { return c.r.Read(p) }
func (c conn) Close() error               { return nil }

// FuzzWire reads whatever a broker may send. What passes, the library can read.
func FuzzWire(f *testing.F) {
	f.Add([]byte{0x20, 2, 0, 0, 0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Add(append([]byte{0x20, 2, 1, 0}, publishFrame(1, 20)...))
	f.Add([]byte{0x20, 2, 0, 0, 0x90, 3, 0, 1, 0x80, 0xd0, 0, 0xb0, 2, 0, 1})
	f.Fuzz(func(t *testing.T, input []byte) {
		w := newWire(conn{r: bytes.NewReader(input)}, time.Second)
		for n := 0; ; n++ {
			p, err := packets.ReadPacket(w)
			if w.end() != nil {
				return
			}
			if err != nil {
				t.Fatalf("the library can't read frame %d: %v", n, err)
			}
			if s, ok := p.(*packets.SubackPacket); ok && len(s.ReturnCodes) != 1 {
				t.Fatal(fmt.Sprint(s))
			}
		}
	})
}
