package mqtt

import (
	"context"
	"errors"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// link is one connection to the broker, from CONNECT to its end. The MQTT library neither dials nor
// reconnects nor stores: every connection is a new client, so it never resends anything of an old
// one.
type link struct {
	wire *wire
	paho mqtt.Client
	time timing
}

// identity is how a link identifies itself to the broker.
type identity struct {
	clientID  string
	will      message  // without a topic: no last will
	subscribe []string // the topics that messages may come on
}

// open dials and connects, until ctx ends. Its errors wrap a *Trouble.
func open(ctx context.Context, b *broker, id identity, t timing) (*link, error) {
	conn, err := b.dial(ctx, t.connect)
	if err != nil {
		return nil, err
	}
	l := &link{wire: newWire(conn, id.subscribe, t.answer), time: t}
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
		return nil, &stepError{step{kind: connecting, topic: id.will.topic}, err}
	}
	return l, nil
}

// connect sends CONNECT and waits for the answer. After an error the link is dead.
func (l *link) connect(ctx context.Context) error {
	stop := context.AfterFunc(ctx, l.drop)
	token := l.paho.Connect()
	<-token.Done() // the library sets a deadline on the wire
	err := token.Error()
	if !stop() {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	l.drop()
	// The library knows only that something failed; the wire may know the cause.
	if end := l.end(); !errors.Is(end, errClosed) {
		err = end
	}
	return diagnose(stageConnect, err)
}

// subscribe subscribes to one topic. handle runs on the library's goroutine and must not block.
func (l *link) subscribe(ctx context.Context, name string, handle mqtt.MessageHandler) error {
	var answers func() map[string]byte
	err := l.await(ctx, func() mqtt.Token {
		token := l.paho.Subscribe(name, 0, handle)
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

var errNotAllowed = errors.New("the broker refused the subscription")

// publish sends a message and waits until the broker has acknowledged it (QoS 1) or it has been
// written (QoS 0). After an error the link is dead.
func (l *link) publish(ctx context.Context, m message) error {
	return l.await(ctx, func() mqtt.Token { return l.paho.Publish(m.topic, m.qos, m.retained, m.payload) })
}

// await calls the library and waits for its token, the end of the connection, the end of ctx or the
// answer's timeout, whichever comes first.
func (l *link) await(ctx context.Context, do func() mqtt.Token) error {
	late := time.NewTimer(l.time.answer)
	defer late.Stop()
	// The library may block for a while when the connection is just ending.
	started := make(chan mqtt.Token, 1)
	go func() { started <- do() }()
	var done <-chan struct{}
	var token mqtt.Token
	for {
		select {
		case token = <-started:
			started, done = nil, token.Done()
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
			return errTimeout
		}
	}
}

// end is why the connection ended, or nil.
func (l *link) end() error {
	select {
	case <-l.wire.dead:
		return l.wire.err
	default:
		return nil
	}
}

// drop closes the connection without DISCONNECT, so the broker publishes the last will.
func (l *link) drop() { l.wire.kill(errClosed) }

// disconnect closes the connection with DISCONNECT, so the broker forgets the last will.
func (l *link) disconnect() {
	l.paho.Disconnect(250)
	l.drop()
}
