package mqtt

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/daemon/topic"
)

// Run keeps the broker up to date until ctx ends; then it sends what waits, says offline and
// returns. That takes three seconds at most. It is called once.
//
// It connects when the first State has been published: until then there is nothing true to say.
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
		up := c.up.Swap(false)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errAgain) {
			continue
		}
		c.report(Report{Trouble: c.learn(err, up)})
		c.pause(ctx, r.next(time.Since(began)))
	}
	c.report(Report{})
	return nil
}

// errAgain ends a connection that is to be made anew at once, on other terms.
var errAgain = errors.New("once more, on other terms")

// learn takes note of how a session ended, and puts it into words. up: the broker had been told
// everything.
func (c *Client) learn(err error, up bool) *Trouble {
	t := diagnose(talking, err)
	if s, ok := blamed(err); ok {
		c.manners.hungUp(s)
		if culprit := c.manners.culprit; culprit.kind != "" && culprit.kind != connecting {
			t = ofStep(culprit, err)
		}
		if c.manners.spent && s.kind != connecting {
			t.Code = Denied
		}
	} else if up {
		c.manners.anew()
	}
	return t
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

// session is one connection, from dialling to its end. It returns nil after a clean stop.
func (c *Client) session(ctx context.Context) error {
	b, err := c.broker.present(ctx, c.o.Credentials)
	if err != nil {
		return err
	}
	l, err := open(ctx, b, c.identity(), c.time)
	if err != nil {
		return err
	}
	defer l.drop()
	// Whatever is under way when ctx ends may still come to its end.
	grace, cancel := outlive(ctx, c.time.flush)
	defer cancel()
	c.unanswered, c.deaf, c.dropped = step{}, false, nil
	if listen := c.names.Birth(); listen != "" {
		if err := c.listen(grace, l, listen); err != nil {
			return err
		}
	}
	if c.probe != nil {
		return c.tryAll(grace, l, b)
	}
	asking, stop := context.WithCancel(ctx)
	defer stop()
	c.question = func() { go c.ask(asking, b) }
	return c.serve(ctx, grace, l)
}

// identity is how the unit presents itself, on the present terms.
func (c *Client) identity() identity {
	id := identity{clientID: c.names.ClientID(), listen: c.names.Birth()}
	if c.probe != nil {
		id.clientID = c.second()
	}
	if t := c.manners.terms; !t.noWill {
		id.will, _ = t.fit(message{topic: c.names.Availability(), payload: []byte(topic.Offline), qos: 1, retained: true},
			availability)
	}
	return id
}

// second is the client id of whatever connects for the unit beside it. Where no unit runs it is the
// unit's own: a broker may let that in and no other, or the other way round.
func (c *Client) second() string {
	if c.alone {
		return c.names.ClientID()
	}
	return c.names.ClientID() + "-probe"
}

// say publishes a message, on the present terms.
func (c *Client) say(ctx context.Context, l *link, m message) error {
	k := c.kindOf(m.topic)
	m, wanted := c.manners.terms.fit(m, k)
	if !wanted {
		return nil
	}
	s := step{kind: k, topic: m.topic, qos: m.qos, retained: m.retained, size: len(m.payload)}
	if err := l.publish(ctx, m); err != nil {
		if c.suspect() {
			s = c.unanswered
		}
		return &underway{s, err}
	}
	c.unanswered = step{}
	if m.qos == 0 {
		c.unanswered, c.askedAt = s, time.Now()
	}
	return nil
}

// suspect says that a message with QoS 0, which no broker answers, went out so shortly before that
// the broker may have hung up on it.
func (c *Client) suspect() bool {
	return c.unanswered.kind != "" && time.Since(c.askedAt) < 2*time.Second
}

// ended is why a link ended by itself.
func (c *Client) ended(l *link) error {
	if c.suspect() {
		return &underway{c.unanswered, l.end()}
	}
	return l.end()
}

// kindOf says what a message on one of the unit's topics is for.
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

// outlive is a context that ends a while after its parent.
func outlive(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		late := time.AfterFunc(by, cancel)
		context.AfterFunc(ctx, func() { late.Stop() })
	})
	return ctx, func() { stop(); cancel() }
}

// listen subscribes to Home Assistant's birth. What the broker had retained is old: the greeting
// that follows says all there is to it.
func (c *Client) listen(ctx context.Context, l *link, name string) error {
	if _, out := c.manners.terms.without[birth]; out {
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
		c.deaf = true
		return nil
	}
	if err != nil {
		return &underway{step{kind: birth, topic: name}, err}
	}
	return nil
}

// limits says what the broker doesn't let the unit do; empty: nothing.
func (c *Client) limits() string {
	text := c.manners.terms.limits()
	if c.deaf {
		if text != "" {
			text += "; "
		}
		text += "the broker does not let the unit subscribe to " + c.names.Birth() + ", so it goes on without " +
			consequence(birth)
	}
	for _, m := range c.dropped {
		if text != "" {
			text += "; "
		}
		k := c.kindOf(m.topic)
		text += "the broker says that it drops what the unit publishes on " + m.topic + ", so it goes on without " +
			consequence(k)
	}
	return text
}

// unseen is why nobody sees the unit, though the broker lets it in; nil: it is seen.
func (c *Client) unseen() *Trouble {
	for _, m := range c.dropped {
		if c.kindOf(m.topic) == state {
			return &Trouble{
				Code: Denied, What: "the broker lets the unit in, and drops what it publishes on " + m.topic,
				Do: "at the broker, allow its account to publish under " + strings.TrimSuffix(m.topic, "state"),
			}
		}
	}
	return nil
}

// ask has the broker asked, in MQTT 5, whether it drops what it acknowledges. It may take its time:
// c.asked hears of it.
func (c *Client) ask(ctx context.Context, b *broker) {
	questions := []message{{topic: c.names.Alert("probe"), qos: 1, retained: true}}
	if t := c.names.Discovery(); t != "" {
		questions = append(questions, message{topic: t, payload: c.describer.clean, qos: 1, retained: true})
	}
	id := c.second()
	dropped, err := refusals(ctx, b, id, questions, c.time.connect)
	if err == nil && slices.ContainsFunc(dropped, func(m message) bool { return c.kindOf(m.topic) == alert }) {
		// Then perhaps everything. What is said here is blank and not retained, and most likely nobody
		// gets it.
		var more []message
		more, err = refusals(ctx, b, id, []message{{topic: c.names.State(), payload: []byte(" "), qos: 1}}, c.time.connect)
		dropped = append(dropped, more...)
	}
	if err == nil {
		select {
		case <-c.asked: // of a connection that is over
		default:
		}
		c.asked <- dropped
	}
}

// greeting is what a broker is told on every connect, in this order.
func (c *Client) greeting() []string {
	topics := append(slices.Clone(c.descriptions), c.names.State())
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
	again := time.NewTicker(c.time.again)
	defer again.Stop()
	question := time.NewTimer(c.time.ask)
	defer question.Stop()
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
		} else if err == nil {
			c.manners.whole()
		}
		select {
		case <-ctx.Done():
			return c.goodbye(ctx, grace, l)
		case <-l.wire.dead:
			return c.ended(l)
		case <-more:
		case <-c.out.notify:
		case <-beat.C:
			beat.Reset(c.o.Heartbeat)
			if err := c.beat(grace, l); err != nil && ctx.Err() == nil {
				return err
			}
		case <-question.C:
			c.question()
		case c.dropped = <-c.asked:
			if t := c.unseen(); c.up.Load() && t != nil {
				c.report(Report{Trouble: t})
			} else if c.up.Load() {
				c.report(Report{Connected: true, Limits: c.limits()})
			}
		case <-again.C: // another client may have written over it
			c.out.again(c.greeting()...)
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
	err = c.say(ctx, l, m)
	c.out.done(err == nil)
	if err != nil {
		return false, err
	}
	if k := c.kindOf(m.topic); k == discovery {
		c.described(m)
	} else if k == availability && !c.up.Load() {
		// The greeting is over.
		if c.manners.works() {
			return false, errAgain
		}
		c.up.Store(true)
		c.report(Report{Connected: true, Limits: c.limits()})
		return true, c.beat(ctx, l)
	}
	return true, nil
}

// described takes note that the broker has a description of the unit, and says it once more, where
// that was to take something away.
func (c *Client) described(m message) {
	if _, out := c.manners.terms.without[discovery]; out {
		return
	}
	if next := c.describer.arrived(m.topic); next != nil {
		c.complain(c.whole(m.topic, next))
	}
}

// beat says that the unit lives. A broker that keeps no sessions may have told the world otherwise,
// when it took us over from a connection that hung.
func (c *Client) beat(ctx context.Context, l *link) error {
	err := c.say(ctx, l, message{topic: c.names.Heartbeat(), payload: topic.Heartbeat(time.Now())})
	if err != nil {
		return err
	}
	return c.say(ctx, l, message{topic: c.names.Availability(), payload: []byte(topic.Online), qos: 1, retained: true})
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
	if err := c.say(last, l, offline); err != nil {
		return err
	}
	l.bye()
	return nil
}

// news keeps a connection that comes and goes out of the log: each line once in ten minutes. The
// words are few and fixed.
func (c *Client) news(what string) bool {
	if last, said := c.logged[what]; said && time.Since(last) < 10*time.Minute {
		return false
	}
	c.logged[what] = time.Now()
	return true
}

// report tells of a change, to the caller and in the log. The same trouble again is no change: a
// broker that is away for a week is one line.
func (c *Client) report(r Report) {
	r.Dropped = c.out.lost()
	old := c.reported
	c.reported = r
	changed := r.Connected != old.Connected || r.Limits != old.Limits || r.Trouble.words() != old.Trouble.words()
	switch {
	case changed && r.Connected && c.news("connected"):
		c.log.Info("connected to the broker", "broker", c.o.Broker, "dropped_events", r.Dropped, "limits", r.Limits)
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

// retry makes growing pauses with jitter, so that forty units don't fall upon a broker that has
// just come back. The longest one leaves time to say everything within a heartbeat of its return.
type retry struct{ min, max, last time.Duration }

// next is the pause after a connection that lived for some time. One that outlived the longest
// pause was a good one: it begins with short pauses again.
func (r *retry) next(lived time.Duration) time.Duration {
	if lived > r.max {
		r.last = 0
	}
	r.last = min(max(2*r.last, r.min), r.max)
	return r.last/2 + rand.N(r.last/2+1)
}
