package status

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/daemon/topic"
)

// Run keeps the broker up to date until ctx ends; then it sends what waits, says
// offline and returns. That takes three seconds at most. It is called once.
//
// It connects when the first State has been published: until then there is
// nothing true to say.
func (c *Client) Run(ctx context.Context) error {
	for !c.out.said(c.names.State()) {
		select {
		case <-ctx.Done():
			return nil
		case <-c.out.notify:
		}
	}
	r := retry{min: c.time.retryMin, max: min(c.time.retryMax, c.o.Heartbeat*2/3)}
	for ctx.Err() == nil {
		began := time.Now()
		err := c.session(ctx)
		c.up.Store(false)
		if ctx.Err() != nil {
			break
		}
		c.report(Report{Trouble: diagnose(talking, err)})
		c.pause(ctx, r.next(time.Since(began)))
	}
	c.report(Report{})
	return nil
}

// pause waits for the next attempt. Meanwhile it tells of events that had to go.
func (c *Client) pause(ctx context.Context, d time.Duration) {
	over := time.NewTimer(d)
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over.C:
			return
		case <-c.out.notify:
			r := c.reported
			c.report(r)
		}
	}
}

// session is one connection, from dialling to its end. It returns nil after a
// clean stop.
func (c *Client) session(ctx context.Context) error {
	id := identity{clientID: c.names.ClientID(), will: c.names.Availability(), listen: c.names.Birth()}
	b, err := c.broker.present(ctx, c.o.Credentials)
	if err != nil {
		return err
	}
	l, err := open(ctx, b, id, c.time)
	if err != nil {
		return err
	}
	defer l.drop()
	// Whatever is under way when ctx ends may still come to its end.
	grace, cancel := outlive(ctx, c.time.flush)
	defer cancel()
	if id.listen != "" {
		if err := c.listen(grace, l, id.listen); err != nil {
			return err
		}
	}
	return c.serve(ctx, grace, l)
}

// outlive is a context that ends a while after its parent.
func outlive(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		late := time.AfterFunc(by, cancel)
		context.AfterFunc(ctx, func() { late.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}

// listen subscribes to Home Assistant's birth. What the broker had retained is
// old: the greeting that follows says all there is to it.
func (c *Client) listen(ctx context.Context, l *link, name string) error {
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
		if !c.denied {
			c.denied = true
			c.log.Warn("the broker doesn't let the unit listen to Home Assistant's status; after a restart of Home Assistant it may take a while until it knows the unit", "topic", name)
		}
		return nil
	}
	return err
}

// greeting is what a broker is told on every connect, in this order.
func (c *Client) greeting() []string {
	topics := []string{c.names.Discovery(), c.names.State()}
	for _, code := range c.o.Codes {
		topics = append(topics, c.names.Alert(code))
	}
	return append(topics, c.names.Availability(), c.names.Ledger())
}

// always is ready, for a select that is not to wait.
var always = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// serve sends what there is to send until the link or ctx ends.
func (c *Client) serve(ctx, grace context.Context, l *link) error {
	c.out.greet(c.greeting())
	beat := time.NewTimer(c.o.Heartbeat)
	defer beat.Stop()
	reply := time.NewTimer(time.Hour)
	reply.Stop()
	defer reply.Stop()
	for {
		sent, err := c.send(grace, l)
		if err != nil && ctx.Err() == nil {
			return err
		}
		var more chan struct{}
		if sent {
			more = always
		}
		select {
		case <-ctx.Done():
			return c.goodbye(ctx, grace, l)
		case <-l.wire.dead:
			return l.end()
		case <-more:
		case <-c.out.notify:
		case <-beat.C:
			beat.Reset(c.o.Heartbeat)
			if err := c.beat(grace, l); err != nil && ctx.Err() == nil {
				return err
			}
		case <-c.birth:
			reply.Reset(max(time.Until(c.replied.Add(c.time.birthGap)), rand.N(c.time.birthWait)))
		case <-reply.C:
			c.replied = time.Now()
			c.out.again(c.names.Discovery(), c.names.State(), c.names.Availability())
		}
	}
}

// send sends one message, if there is one.
func (c *Client) send(ctx context.Context, l *link) (sent bool, err error) {
	m, ok := c.out.next()
	if !ok {
		return false, nil
	}
	err = l.publish(ctx, m)
	c.out.done(err == nil)
	if err != nil {
		return false, err
	}
	if m.topic == c.names.Availability() && !c.up.Load() {
		// The greeting is over.
		c.up.Store(true)
		c.report(Report{Connected: true})
		return true, c.beat(ctx, l)
	}
	return true, nil
}

// beat says that the unit lives. A broker that keeps no sessions may have told
// the world otherwise, when it took us over from a connection that hung.
func (c *Client) beat(ctx context.Context, l *link) error {
	err := l.publish(ctx, message{topic: c.names.Heartbeat(), payload: topic.Heartbeat(time.Now())})
	if err != nil {
		return err
	}
	return l.publish(ctx, message{topic: c.names.Availability(), payload: []byte(topic.Online), qos: 1, retained: true})
}

// goodbye sends what waits, says offline, and leaves.
func (c *Client) goodbye(ctx, grace context.Context, l *link) error {
	last, cancel := outlive(ctx, c.time.stop)
	defer cancel()
	for {
		if sent, err := c.send(grace, l); err != nil || !sent {
			break
		}
	}
	offline := message{topic: c.names.Availability(), payload: []byte(topic.Offline), qos: 1, retained: true}
	if err := l.publish(last, offline); err != nil {
		return err
	}
	l.bye()
	return nil
}

// news keeps a connection that comes and goes out of the log: each line once in
// ten minutes. The words are few and fixed.
func (c *Client) news(what string) bool {
	if last, said := c.logged[what]; said && time.Since(last) < 10*time.Minute {
		return false
	}
	c.logged[what] = time.Now()
	return true
}

// report tells of a change, to the caller and in the log. The same trouble again
// is no change: a broker that is away for a week is one line.
func (c *Client) report(r Report) {
	r.Dropped = c.out.lost()
	old := c.reported
	c.reported = r
	changed := r.Connected != old.Connected || r.Trouble.words() != old.Trouble.words()
	switch {
	case changed && r.Connected && c.news("connected"):
		c.log.Info("connected to the broker", "broker", c.o.Broker, "dropped_events", r.Dropped)
	case changed && r.Trouble != nil && c.news(r.Trouble.What):
		c.log.Warn("no connection to the broker", "broker", c.o.Broker, "err", r.Trouble, "do", r.Trouble.Do)
	}
	if r.Dropped > old.Dropped && c.news("dropped") {
		c.log.Warn("too many events wait for the broker; the oldest are dropped", "kept", c.o.Queue, "dropped", r.Dropped)
	}
	if c.o.Report != nil && (changed || r.Dropped != old.Dropped) {
		c.o.Report(r)
	}
}

// retry makes growing pauses with jitter, so that forty units don't fall upon a
// broker that has just come back. The longest one leaves time to say everything
// within a heartbeat of its return.
type retry struct{ min, max, last time.Duration }

// next is the pause after a connection that lived for some time. One that
// outlived the longest pause was a good one: it begins with short pauses again.
func (r *retry) next(lived time.Duration) time.Duration {
	if lived > r.max {
		r.last = 0
	}
	r.last = min(max(2*r.last, r.min), r.max)
	return r.last/2 + rand.N(r.last/2+1)
}
