package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"tacet/daemon/topic"
)

// probeTiming leaves a probe time for some attempts.
var probeTiming = timing{
	connect: 5 * time.Second, answer: 4 * time.Second, keepAlive: 45 * time.Second,
	retryMin: 100 * time.Millisecond, retryMax: 400 * time.Millisecond,
	birthGap: time.Hour, birthWait: time.Second, again: time.Hour, flush: time.Second, stop: time.Second,
}

// errProbed ends a probe's last connection.
var errProbed = errors.New("all was tried")

// Probe asks of the broker all that the unit asks of it, by the same code: it connects with a last
// will, subscribes, and publishes on each kind of topic. It says nothing that is untrue or new.
// running: the unit is online at this time; then the probe goes by a name of its own, so that the
// unit stays connected. limits is what the unit would have to go on without, as Report has it. An
// error that is a *Trouble says what to do.
func Probe(ctx context.Context, o Options, running bool) (limits string, err error) {
	o.Report, o.Memory, o.Log = nil, nil, slog.New(slog.DiscardHandler)
	c, err := New(o)
	if err != nil {
		return "", err
	}
	c.time, c.alone = probeTiming, !running
	if c.probe, err = c.harmless(running); err != nil {
		return "", err
	}
	r := retry{min: c.time.retryMin, max: c.time.retryMax}
	for {
		err := c.session(ctx)
		switch {
		case errors.Is(err, errProbed):
			if t := c.unseen(); t != nil {
				return "", t
			}
			return c.limits(), nil
		case errors.Is(err, errAgain):
			continue
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
		t := c.learn(err, false)
		if t.Code == Denied && running {
			t.Do += "; tried was the client id " + c.second() + ", since the unit itself is connected"
		}
		if _, ok := blamed(err); !ok || c.manners.spent {
			return "", t
		}
		c.pause(ctx, r.next(0))
	}
}

// harmless are messages on all the unit's topics that change nothing for whoever hears them. What
// is retained is true: whether the unit is online, how it is described, that an alert which there
// is not is not up. The others are empty; the state is blank, and as long as a long one.
func (c *Client) harmless(running bool) ([]message, error) {
	word := topic.Offline
	if running {
		word = topic.Online
	}
	longest, err := topic.State{
		Boot: c.o.Boot, Version: c.o.Version, Alerts: c.o.Codes[:min(len(c.o.Codes), 3)], Config: strings.Repeat("0", 32),
		Recipients: strings.Repeat("0", 32), UnitKey: strings.Repeat("0", 120), Remedy: strings.Repeat("0", 160),
		Stores: stores(c.o.Stores),
	}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	blank := []byte(strings.Repeat(" ", len(longest)))
	all := []message{
		{topic: c.names.State(), payload: blank, qos: 1},
		{topic: c.names.Alert("probe"), qos: 1, retained: true},
		{topic: c.names.Availability(), payload: []byte(word), qos: 1, retained: true},
		{topic: c.names.Heartbeat()},
		{topic: c.names.Event(), qos: 1},
		{topic: c.names.Ledger(), qos: 1},
	}
	if t := c.names.Discovery(); t != "" {
		all = append([]message{{topic: t, payload: c.describer.clean, qos: 1, retained: true}}, all...)
	}
	return all, nil
}

// stores are all in the longest state.
func stores(names []string) map[string]topic.Store {
	all := map[string]topic.Store{}
	for _, name := range names {
		all[name] = topic.StoreReadOnly
	}
	return all
}

// tryAll says what a probe has to say. It leaves politely, so that the broker does not publish its
// last will.
func (c *Client) tryAll(ctx context.Context, l *link, b *broker) error {
	for _, m := range c.probe {
		if err := c.say(ctx, l, m); err != nil {
			return err
		}
	}
	if c.manners.terms.qos0 { // nothing is answered: a broker that hangs up does so at once
		select {
		case <-l.wire.dead:
			return c.ended(l)
		case <-time.After(c.time.connect / 5):
		}
	}
	if c.manners.works() {
		l.bye()
		return errAgain
	}
	l.bye()
	if c.ask(ctx, b); len(c.asked) > 0 {
		c.dropped = <-c.asked
	}
	return errProbed
}
