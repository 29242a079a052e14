package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/forget"
	"tacet/daemon/mqtt"
)

const patience = 30 * time.Second

// memory is a Memory.
type memory map[string]string

func (m memory) Retained(put func(string, []byte)) error {
	for name, payload := range m {
		put(name, []byte(payload))
	}
	return nil
}

func (m memory) Keep(name string, payload []byte) error {
	m[name] = string(payload)
	return nil
}

// office is a broker that runs until the test ends, with two rooms, a reader and one who forgets.
type office struct {
	*Broker
	t     testing.TB
	out   chan feed.Event
	dir   string
	lists string
	stop  func()
}

func run(t testing.TB, m Memory) *office {
	t.Helper()
	dir := t.TempDir()
	passwords, access := filepath.Join(dir, "passwd"), filepath.Join(dir, "acl")
	p := &office{t: t, out: make(chan feed.Event, 10_000), dir: dir, lists: access}
	lines := ""
	for _, user := range []string{"a-1", "a-2", "dashboard", "forget"} {
		lines += passwordLine(user, user+" secret")
	}
	list := unitLines("a", "1") + unitLines("a", "2") + "\nuser dashboard\ntopic read tacet/#\n" +
		"\nuser forget\ntopic readwrite tacet/#\ntopic readwrite homeassistant/device/#\n"
	err := errors.Join(os.WriteFile(passwords, []byte(lines), 0o600), os.WriteFile(access, []byte(list), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if p.Broker, err = Open(Options{Listen: "127.0.0.1:0", Dir: filepath.Join(dir, "broker"), Passwords: passwords,
		Access: access}); err != nil {
		t.Fatal(err)
	}
	if m != nil {
		if err := p.Remember(m); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); p.Run(ctx, p.out) }()
	p.stop = func() { cancel(); <-ended; p.Close() }
	t.Cleanup(p.stop)
	if e := p.next(); e.Status == nil || !e.Status.Up {
		t.Fatalf("%+v", e)
	}
	return p
}

func (p *office) next() feed.Event {
	p.t.Helper()
	select {
	case e := <-p.out:
		return e
	case <-time.After(patience):
		p.t.Fatal("nothing came")
		return feed.Event{}
	}
}

func (p *office) tls() *tls.Config {
	pem, err := os.ReadFile(p.CA())
	if err != nil {
		p.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// connect connects as a user, whose client id is that of a unit.
func (p *office) connect(user string, change ...func(*paho.ClientOptions)) (paho.Client, error) {
	p.t.Helper()
	o := paho.NewClientOptions().AddBroker("ssl://" + p.Addr().String()).SetTLSConfig(p.tls()).SetUsername(user).
		SetPassword(user + " secret").SetClientID("tacet-" + user).SetAutoReconnect(false).SetProtocolVersion(4).
		SetConnectTimeout(patience)
	for _, c := range change {
		c(o)
	}
	c := paho.NewClient(o)
	token := c.Connect()
	if !token.WaitTimeout(patience) {
		p.t.Fatal("no answer")
	}
	if token.Error() == nil {
		p.t.Cleanup(func() { c.Disconnect(0) })
	}
	return c, token.Error()
}

func (p *office) client(user string, change ...func(*paho.ClientOptions)) paho.Client {
	p.t.Helper()
	c, err := p.connect(user, change...)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

func done(t testing.TB, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) || token.Error() != nil {
		t.Fatalf("not done: %v", token.Error())
	}
}

// A unit speaks for its own room, under its own name, with its own password.
func TestEachRoomIsConfined(t *testing.T) {
	p := run(t, nil)
	for name, change := range map[string]func(*paho.ClientOptions){
		"another password":         func(o *paho.ClientOptions) { o.SetPassword("a-2 secret") },
		"no password":              func(o *paho.ClientOptions) { o.SetPassword("") },
		"another user":             func(o *paho.ClientOptions) { o.SetUsername("a-9") },
		"nobody":                   func(o *paho.ClientOptions) { o.SetUsername(""); o.SetPassword("") },
		"another room's client id": func(o *paho.ClientOptions) { o.SetClientID("tacet-a-2") },
		"another room's last will": func(o *paho.ClientOptions) { o.SetWill("tacet/a/2/availability", "offline", 1, true) },
		"a long last will":         func(o *paho.ClientOptions) { o.SetWill("tacet/a/1/availability", strings.Repeat("x", 100), 1, true) },
	} {
		if _, err := p.connect("a-1", change); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	c := p.client("a-1", func(o *paho.ClientOptions) { o.SetWill("tacet/a/1/availability", "offline", 1, true) })
	done(t, c.Publish("tacet/a/1/state", 1, true, "mine"))
	if e := p.next(); e.Message == nil || e.Message.Topic != "tacet/a/1/state" || string(e.Message.Payload) != "mine" ||
		e.Message.Retained {
		t.Errorf("%+v", e.Message)
	}
	for _, filter := range []string{"tacet/a/2/state", "tacet/#", "#", "+/+/+/+"} {
		const refused = 0x80
		token, ok := c.Subscribe(filter, 1, nil).(*paho.SubscribeToken)
		if done(t, token); !ok || token.Result()[filter] != refused {
			t.Errorf("it may read %s: %v", filter, token.Result())
		}
	}
	// Whoever publishes elsewhere is cut off, and its last will is said.
	c.Publish("tacet/a/2/state", 1, true, "not mine")
	if e := p.next(); e.Message == nil || e.Message.Topic != "tacet/a/1/availability" {
		t.Errorf("%+v", e.Message)
	}
	if _, kept := p.server.Topics.Retained.Get("tacet/a/2/state"); kept {
		t.Error("a foreign room's state is retained")
	}
}

// Accounts can't take over each other's sessions, whatever they call themselves.
func TestASessionBelongsToItsAccount(t *testing.T) {
	p := run(t, nil)
	c := p.client("a-1")
	p.client("dashboard", func(o *paho.ClientOptions) { o.SetClientID("tacet-a-1") })
	done(t, c.Publish("tacet/a/1/state", 1, true, "still here"))
}

// An event is acknowledged when the disk has it, and not when the broker ends before.
func TestAnEventIsAcknowledgedAfterTheCommit(t *testing.T) {
	p := run(t, nil)
	c := p.client("a-1")
	token := c.Publish("tacet/a/1/event", 1, false, "e")
	e := p.next()
	select {
	case <-token.Done():
		t.Fatal("it was acknowledged before")
	default:
	}
	e.Done()
	done(t, token)
	token = c.Publish("tacet/a/1/event", 1, false, "f")
	p.next()
	p.stop()
	if token.WaitTimeout(patience) && token.Error() == nil {
		t.Error("an event was acknowledged that nobody has")
	}
}

// What was retained is there again; rooms are offline until their units come.
func TestRetainedSurvivesARestart(t *testing.T) {
	m := memory{"tacet/a/1/state": "s", "tacet/a/1/availability": "online", "tacet/a/1/alert/x": "text",
		"homeassistant/device/tacet_a_2/config": "d"}
	p := run(t, m)
	got := make(chan string, 100)
	hear := func(_ paho.Client, msg paho.Message) {
		got <- fmt.Sprintf("%s %s %v", msg.Topic(), msg.Payload(), msg.Retained())
	}
	c := p.client("forget")
	done(t, c.SubscribeMultiple(map[string]byte{"tacet/#": 1, "homeassistant/device/#": 1}, hear))
	want := map[string]bool{"tacet/a/1/state s true": true, "tacet/a/1/availability offline true": true,
		"tacet/a/1/alert/x text true": true, "homeassistant/device/tacet_a_2/config d true": true}
	for len(want) > 0 {
		select {
		case line := <-got:
			if !want[line] {
				t.Errorf("%s", line)
			}
			delete(want, line)
		case <-time.After(patience):
			t.Fatalf("missing: %v", want)
		}
	}
	unit := p.client("a-1")
	done(t, unit.Publish("homeassistant/device/tacet_a_1/config", 1, true, "new"))
	if m["homeassistant/device/tacet_a_1/config"] != "new" {
		t.Errorf("%v", m)
	}
	done(t, c.Publish("homeassistant/device/tacet_a_1/config", 1, true, ""))
	if m["homeassistant/device/tacet_a_1/config"] != "" {
		t.Errorf("%v", m)
	}
}

// A room can't make the broker remember more than a room has.
func TestARoomRemembersLittle(t *testing.T) {
	p := run(t, nil)
	c := p.client("a-1")
	go func() {
		for e := range p.out {
			e.Done()
		}
	}()
	for i := range maxAlerts + 100 {
		done(t, c.Publish(fmt.Sprintf("tacet/a/1/alert/code-%d", i), 1, true, "x"))
	}
	for name, payload := range map[string]string{"tacet/a/1/made-up": "x", "tacet/a/1/alert/a/b": "x",
		"tacet/a/1/alert/\u00e9": "x", "tacet/a/1/state": strings.Repeat("x", maxState+1),
		"tacet/a/1/alert/long": strings.Repeat("x", maxAlert+1), "tacet/a/1/event": "e"} {
		done(t, c.Publish(name, 1, true, payload))
	}
	if n := p.server.Topics.Retained.Len(); n > maxAlerts+40 { // some are $SYS
		t.Errorf("%d topics are retained", n)
	}
	if kept := p.server.Topics.Messages("tacet/#"); len(kept) != maxAlerts {
		t.Errorf("%d topics of the room are retained", len(kept))
	}
	// A packet that is too long ends the connection.
	c.Publish("tacet/a/1/state", 0, true, strings.Repeat("x", maxPacket))
	token := c.Publish("tacet/a/1/state", 1, true, "after")
	if token.WaitTimeout(patience) && token.Error() == nil && c.IsConnectionOpen() {
		t.Error("a packet of 64 KB is accepted")
	}
}

// Who sends too much waits.
func TestAFloodIsSlowedDown(t *testing.T) {
	now := time.Now()
	p := newPace(now)
	for range burst {
		if w := p.wait(now); w != 0 {
			t.Fatalf("the burst waits %v", w)
		}
	}
	if w := p.wait(now); w != time.Second/perSecond {
		t.Errorf("the next waits %v", w)
	}
	if w := p.wait(now.Add(time.Hour)); w != 0 {
		t.Errorf("an hour later it waits %v", w)
	}
}

// Connections that say nothing are limited, and leave room for others; the broker ends all the same.
func TestStrangersAreLimited(t *testing.T) {
	p := run(t, nil)
	var open []net.Conn
	for range maxFromOne + 20 {
		c, err := net.Dial("tcp", p.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		open = append(open, c)
	}
	closed := 0
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			closed++
		}
	}
	if closed != 20 {
		t.Errorf("%d of %d strangers were refused", closed, len(open))
	}
	for _, c := range open {
		c.Close()
	}
	for late := time.After(patience); ; {
		if _, err := p.connect("a-1"); err == nil {
			break
		}
		select {
		case <-late:
			t.Fatal("nobody gets in any more")
		default:
		}
	}
}

// Whatever a client sends, the broker serves the others.
func FuzzClient(f *testing.F) {
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
	f.Add([]byte{0x10, 0x02, 0, 0})
	connect := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	connect.ProtocolName, connect.ProtocolVersion, connect.ClientIdentifier = "MQTT", 4, "tacet-a-1"
	connect.UsernameFlag, connect.Username = true, "a-1"
	connect.PasswordFlag, connect.Password = true, []byte("a-1 secret")
	var hello strings.Builder
	if err := connect.Write(&hello); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(hello.String() + "\x82\x02\x00\x01"))
	f.Add([]byte(hello.String() + "\x32\x05\x00\x03a/b"))
	p := run(f, nil)
	go func() {
		for e := range p.out {
			e.Done()
		}
	}()
	c := p.client("a-2")
	f.Fuzz(func(t *testing.T, data []byte) {
		conn, err := tls.Dial("tcp", p.Addr().String(), p.tls())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(data)
		_ = conn.CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		done(t, c.Publish("tacet/a/2/state", 1, true, "still served"))
	})
}

// "tacet forget" works with this broker too.
func TestARoomIsForgotten(t *testing.T) {
	p := run(t, nil)
	go func() {
		for e := range p.out {
			e.Done()
		}
	}()
	c := p.client("a-1")
	for _, below := range []string{"state", "availability", "alert/x"} {
		done(t, c.Publish("tacet/a/1/"+below, 1, true, "offline"))
	}
	ca, err := os.ReadFile(p.CA())
	if err != nil {
		t.Fatal(err)
	}
	topics, err := forget.Room(t.Context(), forget.Options{Broker: "mqtts://" + p.Addr().String(), Username: "forget",
		Credentials: mqtt.Credentials{Password: "forget secret", CA: ca}, Site: "a", Room: "1",
		HomeAssistant: "homeassistant"})
	if err != nil || len(topics) != 3 || len(p.server.Topics.Messages("tacet/#")) != 0 {
		t.Errorf("%v, %v", topics, err)
	}
}
