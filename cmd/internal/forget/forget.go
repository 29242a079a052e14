// Package forget removes what a broker retains of a room that is no more: its state, its warnings,
// and its description for Home Assistant, which then removes the device.
//
//	topics, err := forget.Room(ctx, forget.Options{Broker: url, Site: "high-street", Room: "room-3", …})
//
// Only what is retained on the room's own topics is removed, and it is looked at again afterwards. A
// room whose unit is online is left alone: the unit would publish everything again.
package forget

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

const (
	// patience is how long one answer of the broker may take.
	patience = 10 * time.Second
	// maxTopics is the most topics of one room.
	maxTopics = 1000
)

// Options say which room, and where.
type Options struct {
	Broker      string // mqtt:// or mqtts://
	Username    string
	Credentials mqtt.Credentials

	Site, Room    string
	HomeAssistant string // discovery prefix; "": none
	Force         bool   // also if the unit is online
}

// ErrOnline is the error for a room whose unit is online.
var ErrOnline = errors.New("its unit is online")

// errUnread is the error if the account may not read the room's topics.
var errUnread = errors.New("the account can't read the room's topics")

// Room removes what is retained, and returns the topics.
func Room(ctx context.Context, o Options) ([]string, error) {
	names := topic.Names{Site: o.Site, Room: o.Room, HomeAssistant: o.HomeAssistant}
	if err := names.Valid(); err != nil {
		return nil, err
	}
	c, err := connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect to the broker: %w", err)
	}
	defer c.Disconnect(250)
	r := &room{names: names, client: c}
	kept, err := r.retained(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at what is retained of %s/%s: %w", o.Site, o.Room, err)
	}
	if kept[names.Availability()] == topic.Online && !o.Force {
		return nil, fmt.Errorf("forget %s/%s: %w", o.Site, o.Room, ErrOnline)
	}
	all := slices.Sorted(maps.Keys(kept))
	for _, name := range all {
		if err := wait(ctx, c.Publish(name, 1, true, []byte{})); err != nil {
			return nil, fmt.Errorf("remove %s: %w", name, err)
		}
	}
	if kept, err = r.retained(ctx); err != nil {
		return nil, fmt.Errorf("look again at what is retained of %s/%s: %w", o.Site, o.Room, err)
	}
	if len(kept) > 0 {
		return nil, fmt.Errorf("the broker still retains %s: the account may not write there, or the unit runs",
			strings.Join(slices.Sorted(maps.Keys(kept)), ", "))
	}
	return all, nil
}

// connect connects with a client identifier that nobody else has.
func connect(ctx context.Context, o Options) (paho.Client, error) {
	a, err := topic.ParseAddress(o.Broker)
	if err != nil {
		return nil, err
	}
	conn, err := dial(ctx, a, o.Credentials)
	if err != nil {
		return nil, err
	}
	p := paho.NewClientOptions().SetClientID("tacet-forget-" + rand.Text()[:8]).SetUsername(o.Username).
		SetPassword(strings.TrimRight(o.Credentials.Password, "\r\n")).SetProtocolVersion(4).SetAutoReconnect(false).
		SetConnectTimeout(patience).SetWriteTimeout(patience)
	p.Servers = []*url.URL{{Scheme: "tcp", Host: a.Dial()}}
	p.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (net.Conn, error) { return conn, nil })
	c := paho.NewClient(p)
	if err := wait(ctx, c.Connect()); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func dial(ctx context.Context, a topic.Address, c mqtt.Credentials) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.Dial())
	if err != nil || !a.Secure {
		return limit(conn), err
	}
	config := &tls.Config{ServerName: a.Host, MinVersion: tls.VersionTLS12}
	if len(c.CA) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(c.CA) {
			conn.Close()
			return nil, errors.New("the authority's file holds no certificate")
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return limit(secure), nil
}

// wait waits for the broker's answer.
func wait(ctx context.Context, token paho.Token) error {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-late.C:
		return errors.New("the broker doesn't answer")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// room is one room at a broker.
type room struct {
	names  topic.Names
	client paho.Client
}

// retained returns what is retained on the room's topics. It publishes a word of its own on one of
// them, which arrives after everything that is retained.
func (r *room) retained(ctx context.Context) (map[string]string, error) {
	word, name := rand.Text(), "tacet/"+r.names.Site+"/"+r.names.Room+"/forget"
	var mu sync.Mutex
	kept, complete := map[string]string{}, make(chan struct{})
	take := func(_ paho.Client, m paho.Message) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case m.Topic() == name && string(m.Payload()) == word:
			close(complete)
		case m.Retained() && len(kept) < maxTopics:
			kept[m.Topic()] = string(m.Payload())
		}
	}
	// The word comes on a topic that is subscribed last.
	filters := []string{"tacet/" + r.names.Site + "/" + r.names.Room + "/#"}
	if d := r.names.Discovery(); d != "" {
		filters = append([]string{d}, filters...)
	}
	for _, filter := range filters {
		const refused = 0x80
		token := r.client.Subscribe(filter, 1, take)
		if err := wait(ctx, token); err != nil {
			return nil, err
		}
		if t, ok := token.(*paho.SubscribeToken); ok && t.Result()[filter] >= refused {
			return nil, fmt.Errorf("%w: %s", errUnread, filter)
		}
	}
	if err := wait(ctx, r.client.Publish(name, 1, false, word)); err != nil {
		return nil, err
	}
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-complete:
	case <-late.C:
		return nil, errUnread
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := wait(ctx, r.client.Unsubscribe(filters...)); err != nil {
		return nil, err
	}
	mu.Lock()
	defer mu.Unlock()
	return maps.Clone(kept), nil
}
