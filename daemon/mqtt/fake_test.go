package mqtt

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/topic"
)

// deadline is how long a test waits for what must happen.
const deadline = 20 * time.Second

// journal is a list that tests wait on.
type journal[T any] struct {
	mu      sync.Mutex
	entries []T
	changed chan struct{}
}

func (j *journal[T]) add(entry T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
	if j.changed != nil {
		close(j.changed)
		j.changed = nil
	}
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]T(nil), j.entries...)
}

// await waits until the entries satisfy ok, and returns them.
func (j *journal[T]) await(t *testing.T, what string, ok func([]T) bool) []T {
	t.Helper()
	late := time.After(deadline)
	for {
		j.mu.Lock()
		entries := append([]T(nil), j.entries...)
		if j.changed == nil {
			j.changed = make(chan struct{})
		}
		changed := j.changed
		j.mu.Unlock()
		if ok(entries) {
			return entries
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("timed out waiting for %s; there is: %v", what, entries)
		}
	}
}

// awaitAny waits for an entry that satisfies ok, and returns it.
func (j *journal[T]) awaitAny(t *testing.T, what string, ok func(T) bool) T {
	t.Helper()
	var found T
	j.await(t, what, func(entries []T) bool {
		for _, e := range entries {
			if ok(e) {
				found = e
				return true
			}
		}
		return false
	})
	return found
}

// fake is a scripted broker. It runs behave for each connection; n counts them from 1.
type fake struct {
	address string
	// got holds every packet received after CONNECT, from all connections.
	got journal[packets.ControlPacket]
	// conns holds the CONNECT of each connection that sent one.
	conns journal[*packets.ConnectPacket]
}

// startObedient starts a broker that welcomes everybody and answers as it should.
func startObedient(t *testing.T) *fake {
	t.Helper()
	return startFake(t, func(f *fake, _ int, conn net.Conn) {
		if f.welcome(conn, packets.Accepted) {
			f.obey(conn, nil)
		}
	})
}

func startFake(t *testing.T, behave func(f *fake, n int, conn net.Conn)) *fake {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{address: ln.Addr().String()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for n := 1; ; n++ {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, conn)
			mu.Unlock()
			wg.Go(func() {
				defer conn.Close()
				behave(f, n, conn)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		mu.Lock()
		for _, conn := range open {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return f
}

// welcome reads CONNECT and answers it.
func (f *fake) welcome(conn net.Conn, code byte) bool {
	p, err := packets.ReadPacket(conn)
	if err != nil {
		return false
	}
	connect, ok := p.(*packets.ConnectPacket)
	if !ok {
		return false
	}
	f.conns.add(connect)
	ack := packets.NewControlPacket(packets.Connack).(*packets.ConnackPacket)
	ack.ReturnCode = code
	return ack.Write(conn) == nil
}

// obey reads packets and acknowledges those that want accepts.
func (f *fake) obey(conn net.Conn, want func(packets.ControlPacket) bool) {
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		f.got.add(p)
		if want != nil && !want(p) {
			continue
		}
		if reply := answer(p); reply != nil && reply.Write(conn) != nil {
			return
		}
	}
}

// answer is a well-behaved broker's answer to a packet.
func answer(p packets.ControlPacket) packets.ControlPacket {
	switch p := p.(type) {
	case *packets.PublishPacket:
		if p.Qos == 0 {
			return nil
		}
		ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
		ack.MessageID = p.MessageID
		return ack
	case *packets.SubscribePacket:
		ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
		ack.MessageID = p.MessageID
		ack.ReturnCodes = make([]byte, len(p.Topics))
		return ack
	case *packets.PingreqPacket:
		return packets.NewControlPacket(packets.Pingresp)
	}
	return nil
}

// published filters the PUBLISH packets.
func published(all []packets.ControlPacket) []*packets.PublishPacket {
	var out []*packets.PublishPacket
	for _, p := range all {
		if pub, ok := p.(*packets.PublishPacket); ok {
			out = append(out, pub)
		}
	}
	return out
}

// logbook collects a client's log.
type logbook struct{ journal[string] }

func (l *logbook) Write(p []byte) (int, error) {
	l.add(strings.TrimSpace(string(p)))
	return len(p), nil
}

// unit is a running client and what it reported.
type unit struct {
	*Client
	reports journal[Report]
	logs    logbook
	stop    func() // a clean stop; returns when Run has
}

var codes = []string{"drive-missing", "mic-missing", "spool-low"}

// options are those of a room with times short enough for tests.
func options(address string) Options {
	return Options{
		Broker: "mqtt://" + address, Site: "high-street", Room: "room-3", RoomName: "Consulting room 3",
		HomeAssistant: "homeassistant", Version: "1.2.3", Stores: []string{"drive", "nas"}, Codes: codes,
		Heartbeat: 500 * time.Millisecond,
	}
}

// quick are times for a broker on the same machine.
var quick = timing{
	connect: 2 * time.Second, answer: 2 * time.Second, keepAlive: 30 * time.Second,
	retryMin: 10 * time.Millisecond, retryMax: 30 * time.Millisecond,
	birthGap: 300 * time.Millisecond, birthWait: time.Millisecond, refresh: time.Hour, checkDrops: time.Hour,
	flush: time.Second, stop: 2 * time.Second,
}

// launch starts a client. prepare publishes before it connects; nil publishes an idle state.
func launch(t *testing.T, o Options, prepare func(*Client)) *unit {
	t.Helper()
	u := &unit{}
	o.Report = u.reports.add
	o.Log = slog.New(slog.NewTextHandler(&u.logs, nil))
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.time = quick
	u.Client = c
	if prepare != nil {
		prepare(c)
	} else {
		c.Publish(idle())
	}
	ctx, cancel := newContext()
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	u.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(deadline):
			t.Error("Run doesn't end")
		}
	})
	t.Cleanup(u.stop)
	return u
}

func (u *unit) awaitConnected(t *testing.T) {
	t.Helper()
	u.reports.await(t, "a connection", func(all []Report) bool { return len(all) > 0 && all[len(all)-1].Connected })
}

// awaitTrouble waits for a trouble whose text contains words.
func (u *unit) awaitTrouble(t *testing.T, words string) *Trouble {
	t.Helper()
	return u.reports.awaitAny(t, "the trouble: "+words, func(r Report) bool {
		return r.Trouble != nil && strings.Contains(r.Trouble.Error(), words)
	}).Trouble
}

var epoch = time.Date(2026, 11, 21, 14, 3, 22, 0, time.UTC)

func idle() topic.State {
	return topic.State{
		Version: "1.2.3", Clock: topic.ClockSynced, Phase: topic.Idle, Since: epoch, Mic: topic.MicOK,
		Light: topic.LightProved, SpoolFreeH: topic.Hours(90 * time.Hour), Config: "3f2a91d004e7b85c6a1f0e9d8c7b6a59",
		Recipients: "77aa02c3d4e5f60718293a4b5c6d7e8f",
		Stores:     map[string]topic.Store{"drive": topic.StoreOK, "nas": topic.StoreMissing},
	}
}

func in(p topic.Phase) topic.State {
	s := idle()
	s.Phase = p
	return s
}

// frame encodes a packet.
func frame(p packets.ControlPacket) []byte {
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// drain reads until the other side hangs up.
func drain(conn net.Conn) { io.Copy(io.Discard, conn) }
