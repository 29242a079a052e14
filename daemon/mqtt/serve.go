package mqtt

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"tacet/daemon/topic"
)

// greeting lists the topics to publish on every connect, in order.
func (c *Client) greeting() []string {
	topics := append(slices.Clone(c.discoveryTopics), c.names.State())
	for _, code := range c.o.Codes {
		topics = append(topics, c.names.Alert(code))
	}
	return append(topics, c.names.Availability(), c.names.Ledger())
}

// ready is always ready to receive from.
var ready = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// serve sends what waits until the link or ctx ends. What it has started may go on until grace
// ends.
func (c *Client) serve(ctx, grace context.Context, l *link) error {
	c.out.restart(c.greeting())
	beat := time.NewTimer(c.o.Heartbeat)
	defer beat.Stop()
	refresh := time.NewTicker(c.time.refresh)
	defer refresh.Stop()
	checkDrops := time.NewTimer(c.time.checkDrops)
	defer checkDrops.Stop()
	answer := time.NewTimer(time.Hour)
	answer.Stop()
	defer answer.Stop()
	for {
		sent, err := c.sendNext(grace, l)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var more chan struct{}
		if sent {
			more = ready
		} else if err == nil {
			c.negotiation.fullAccepted()
		}
		select {
		case <-ctx.Done():
			return c.goodbye(ctx, grace, l)
		case <-l.wire.dead:
			return c.endOf(l)
		case <-more:
		case <-c.out.notify:
		case <-beat.C:
			beat.Reset(c.o.Heartbeat)
			if err := c.beat(grace, l); err != nil && ctx.Err() == nil {
				return err
			}
		case <-checkDrops.C:
			c.checkDrops()
		case c.dropped = <-c.verdicts:
			c.reportDropped()
		case <-refresh.C: // another client may have overwritten what is retained
			c.out.resend(c.greeting()...)
		case <-c.birth:
			answer.Reset(max(time.Until(c.answeredAt.Add(c.time.birthGap)), rand.N(c.time.birthWait)))
		case <-answer.C:
			c.answeredAt = time.Now()
			c.out.resend(c.names.Discovery(), c.names.State(), c.names.Availability())
		}
	}
}

// reportDropped reports the messages that the broker drops.
func (c *Client) reportDropped() {
	switch t := c.unseen(); {
	case !c.up.Load():
	case t != nil:
		c.report(Report{Trouble: t})
	default:
		c.report(Report{Connected: true, Limits: c.limits()})
	}
}

// sendNext sends one message, if any waits.
func (c *Client) sendNext(ctx context.Context, l *link) (sent bool, err error) {
	m, ok := c.out.next()
	if !ok {
		return false, nil
	}
	err = c.publish(ctx, l, m)
	c.out.done(err == nil)
	if err != nil {
		return false, err
	}
	switch k := c.kindOf(m.topic); {
	case k == discovery:
		c.descriptionSent(m)
	case k == availability && !c.up.Load(): // the greeting is complete
		if c.negotiation.accepted() {
			return false, errReconnect
		}
		c.up.Store(true)
		c.report(Report{Connected: true, Limits: c.limits()})
		return true, c.beat(ctx, l)
	}
	return true, nil
}

// descriptionSent publishes the final description after one that removes components.
func (c *Client) descriptionSent(m message) {
	if _, out := c.negotiation.terms.without[discovery]; out {
		return
	}
	if next := c.describer.acknowledged(m.topic); next != nil {
		c.out.set(m.topic, next)
	}
}

// beat publishes the heartbeat, and online again: a broker that keeps no sessions may have
// published the last will of a connection that hung after this one had replaced it.
func (c *Client) beat(ctx context.Context, l *link) error {
	err := c.publish(ctx, l, message{topic: c.names.Heartbeat(), payload: topic.Heartbeat(time.Now())})
	if err != nil {
		return err
	}
	return c.publish(ctx, l, message{topic: c.names.Availability(), payload: []byte(topic.Online), qos: 1, retained: true})
}

// goodbye sends what waits, publishes offline and disconnects.
func (c *Client) goodbye(ctx, grace context.Context, l *link) error {
	last, cancel := outlive(ctx, c.time.stop)
	defer cancel()
	for {
		if sent, err := c.sendNext(grace, l); err != nil || !sent {
			break
		}
	}
	offline := message{topic: c.names.Availability(), payload: []byte(topic.Offline), qos: 1, retained: true}
	if err := c.publish(last, l, offline); err != nil {
		return err
	}
	l.disconnect()
	return nil
}
