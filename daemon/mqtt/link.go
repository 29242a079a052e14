package mqtt

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// timing holds the durations that tests shorten.
type timing struct {
	connect   time.Duration // for TCP and TLS together, and again for CONNACK
	answer    time.Duration // from a message to its acknowledgement
	keepAlive time.Duration // silence after which the broker gives us up, times 1.5
	retryMin  time.Duration
	retryMax  time.Duration // stays below the heartbeat: see retry
	birthGap  time.Duration // between two answers to Home Assistant
	again     time.Duration // after which everything that is retained is said again
	ask       time.Duration // from a connection to the question whether the broker drops what it acknowledges
	birthWait time.Duration // at most, before an answer: forty units don't speak at once
	flush     time.Duration // to send what waits, at a clean stop
	stop      time.Duration // for that and saying offline
}

var standardTiming = timing{
	connect:   8 * time.Second,
	answer:    15 * time.Second,
	keepAlive: 45 * time.Second,
	retryMin:  time.Second,
	retryMax:  18 * time.Second,
	birthGap:  10 * time.Second,
	again:     10 * time.Minute,
	ask:       5 * time.Second,
	birthWait: 500 * time.Millisecond,
	flush:     2 * time.Second,
	stop:      2700 * time.Millisecond,
}

// link is one connection to the broker, from CONNECT to its end. The MQTT library neither dials nor
// reconnects nor stores: a new connection is a new client, so nothing of an old one is ever sent
// again behind our back.
type link struct {
	wire *wire
	paho mqtt.Client
	time timing
}

// identity is how a link presents itself.
type identity struct {
	clientID string
	will     message // QoS 1 and retained; no topic: no last will
	listen   string  // the one topic that is listened to, or ""
}

// open dials and connects. It gives up when ctx ends. Errors are *Trouble.
func open(ctx context.Context, b *broker, id identity, t timing) (*link, error) {
	conn, err := b.dial(ctx, t.connect)
	if err != nil {
		return nil, err
	}
	l := &link{wire: newWire(conn, id.listen, t.answer), time: t}
	o := mqtt.NewClientOptions()
	o.Servers = []*url.URL{{Scheme: "tcp", Host: b.address}}
	o.SetClientID(id.clientID)
	o.SetUsername(b.username)
	o.SetPassword(b.password)
	o.SetCleanSession(true)
	o.SetProtocolVersion(4)
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetStore(mqtt.NewMemoryStore())
	o.SetKeepAlive(t.keepAlive)
	o.SetPingTimeout(t.answer)
	o.SetConnectTimeout(t.connect)
	o.SetWriteTimeout(t.answer)
	o.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return l.wire, nil })
	if id.will.topic != "" {
		o.SetBinaryWill(id.will.topic, id.will.payload, id.will.qos, id.will.retained)
	}
	l.paho = mqtt.NewClient(o)
	if err := l.connect(ctx); err != nil {
		return nil, &underway{step{kind: connecting, topic: id.will.topic}, err}
	}
	return l, nil
}

// connect says CONNECT and waits for the answer. A link that couldn't connect is of no more use.
func (l *link) connect(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.drop)
	token := l.paho.Connect()
	<-token.Done() // in time: the library sets the wire a deadline
	err := token.Error()
	if !stop() {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	l.drop()
	// The library knows only that something failed; the wire may know what.
	if end := l.end(); !errors.Is(end, errHungUp) {
		err = end
	}
	return diagnose(announcing, err)
}

// subscribe listens to one topic. heard runs on the library's own goroutine and must not block.
func (l *link) subscribe(ctx context.Context, name string, heard mqtt.MessageHandler) error {
	var answers func() map[string]byte
	err := l.ask(ctx, func() mqtt.Token {
		token := l.paho.Subscribe(name, 0, heard)
		if t, ok := token.(*mqtt.SubscribeToken); ok {
			answers = t.Result
		}
		return token
	})
	if err == nil && answers != nil && answers()[name] > 2 {
		return errNotAllowed
	}
	return err
}

var errNotAllowed = errors.New("the broker doesn't allow it")

// publish sends a message and returns when the broker has it (QoS 1) or it has been written (QoS
// 0). An error means that the link is of no more use.
func (l *link) publish(ctx context.Context, m message) error {
	return l.ask(ctx, func() mqtt.Token { return l.paho.Publish(m.topic, m.qos, m.retained, m.payload) })
}

// ask has the library do something and waits for its end, the end of the connection or of ctx, or
// for too long: whichever comes first.
func (l *link) ask(ctx context.Context, do func() mqtt.Token) error {
	late := time.NewTimer(l.time.answer)
	defer late.Stop()
	// The library may block for a while where a connection is just going down.
	asked := make(chan mqtt.Token, 1)
	go func() { asked <- do() }()
	var done <-chan struct{}
	var token mqtt.Token
	for {
		select {
		case token = <-asked:
			asked, done = nil, token.Done()
		case <-done:
			err := token.Error()
			if end := l.end(); err != nil && end != nil {
				err = end
			}
			return err
		case <-l.wire.dead:
			return l.end()
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return errSilent
		}
	}
}

// end is why the connection ended, or nil while it lives.
func (l *link) end() error {
	select {
	case <-l.wire.dead:
		return l.wire.err
	default:
		return nil
	}
}

// drop ends the connection without a word: the broker publishes the last will.
func (l *link) drop() { l.wire.kill(errHungUp) }

// bye ends it politely: the broker forgets the last will.
func (l *link) bye() {
	l.paho.Disconnect(250)
	l.drop()
}
