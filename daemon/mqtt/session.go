package mqtt

import (
	"context"
	"errors"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/daemon/topic"
)

// session is one connection, from dialling to its end. It returns nil after a clean stop.
func (c *Client) session(ctx context.Context) error {
	b, err := c.broker.withCredentials(ctx, c.o.Credentials)
	if err != nil {
		return err
	}
	l, err := open(ctx, b, c.identity(), c.time)
	if err != nil {
		return err
	}
	defer l.drop()
	// What is in progress when ctx ends may still finish.
	grace, cancel := outlive(ctx, c.time.flush)
	defer cancel()
	c.lastQoS0, c.notSubscribed, c.dropped = step{}, false, nil
	if birth := c.names.Birth(); birth != "" {
		if err := c.subscribe(grace, l, birth); err != nil {
			return err
		}
	}
	if c.probe != nil {
		return c.runProbe(grace, l, b)
	}
	checking, stop := context.WithCancel(ctx)
	defer stop()
	c.checkDrops = func() { go c.findDropped(checking, b) }
	return c.serve(ctx, grace, l)
}

// identity is how the unit identifies itself, on the present terms.
func (c *Client) identity() identity {
	id := identity{clientID: c.names.ClientID()}
	if birth := c.names.Birth(); birth != "" {
		id.subscribe = []string{birth}
	}
	if c.probe != nil {
		id.clientID = c.secondID()
	}
	if t := c.negotiation.terms; !t.noWill {
		id.will, _ = t.fit(message{topic: c.names.Availability(), payload: []byte(topic.Offline), qos: 1, retained: true},
			availability)
	}
	return id
}

// secondID is the client identifier of a connection beside the unit's. If no unit runs it is the
// unit's own, since a broker may accept only that one.
func (c *Client) secondID() string {
	if c.alone {
		return c.names.ClientID()
	}
	return c.names.ClientID() + "-probe"
}

// subscribe subscribes to Home Assistant's birth message. A retained one is old, and the greeting
// that follows answers it anyway.
func (c *Client) subscribe(ctx context.Context, l *link, name string) error {
	if _, out := c.negotiation.terms.without[birth]; out {
		return nil
	}
	err := l.subscribe(ctx, name, func(_ mqtt.Client, m mqtt.Message) {
		if m.Retained() || string(m.Payload()) != topic.Online {
			return
		}
		select {
		case c.birth <- struct{}{}:
		default:
		}
	})
	if errors.Is(err, errNotAllowed) {
		c.notSubscribed = true
		return nil
	}
	if err != nil {
		return &stepError{step{kind: birth, topic: name}, err}
	}
	return nil
}

// publish publishes a message on the present terms.
func (c *Client) publish(ctx context.Context, l *link, m message) error {
	k := c.kindOf(m.topic)
	m, wanted := c.negotiation.terms.fit(m, k)
	if !wanted {
		return nil
	}
	s := step{kind: k, topic: m.topic, qos: m.qos, retained: m.retained, size: len(m.payload)}
	if err := l.publish(ctx, m); err != nil {
		if c.suspectQoS0() {
			s = c.lastQoS0
		}
		return &stepError{s, err}
	}
	c.lastQoS0 = step{}
	if m.qos == 0 {
		c.lastQoS0, c.lastQoS0At = s, time.Now()
	}
	return nil
}

// suspectQoS0 reports whether a message with QoS 0 went out so recently that the broker may have
// closed the connection because of it. No broker acknowledges such a message.
func (c *Client) suspectQoS0() bool {
	return c.lastQoS0.kind != "" && time.Since(c.lastQoS0At) < 2*time.Second
}

// endOf is why a link ended by itself.
func (c *Client) endOf(l *link) error {
	if c.suspectQoS0() {
		return &stepError{c.lastQoS0, l.end()}
	}
	return l.end()
}

// kindOf is the kind of the messages on one of the unit's topics.
func (c *Client) kindOf(name string) kind {
	switch name {
	case c.names.Availability():
		return availability
	case c.names.State():
		return state
	case c.names.Event():
		return event
	case c.names.Ledger():
		return ledger
	case c.names.Heartbeat():
		return heartbeat
	}
	if strings.HasPrefix(name, c.names.Alert("")) {
		return alert
	}
	return discovery
}

// outlive returns a context that ends a while after its parent.
func outlive(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		late := time.AfterFunc(by, cancel)
		context.AfterFunc(ctx, func() { late.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}
