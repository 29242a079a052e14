package mqtt

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"tacet/daemon/topic"
)

// probeTiming lets a probe make several attempts in a reasonable time.
var probeTiming = timing{
	connect: 5 * time.Second, answer: 4 * time.Second, keepAlive: 45 * time.Second,
	retryMin: 100 * time.Millisecond, retryMax: 400 * time.Millisecond,
	birthGap: time.Hour, birthWait: time.Second, refresh: time.Hour, flush: time.Second, stop: time.Second,
}

// errProbed ends the last session of a probe.
var errProbed = errors.New("probe complete")

// Probe tries all that the unit asks of a broker, with the same code: it connects with a last will,
// subscribes, and publishes on each kind of topic. It publishes nothing untrue or new. running says
// whether the unit is online now; then the probe has a client identifier of its own, so that the
// unit stays connected. limits is what the unit would have to do without, as in Report. A *Trouble
// among the errors says what to do.
func Probe(ctx context.Context, o Options, running bool) (limits string, err error) {
	o.Report, o.Description, o.Log = nil, nil, slog.New(slog.DiscardHandler)
	c, err := New(o)
	if err != nil {
		return "", err
	}
	c.time, c.alone = probeTiming, !running
	if c.probe, err = c.probeMessages(running); err != nil {
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
		case errors.Is(err, errReconnect):
			continue
		case ctx.Err() != nil:
			return "", ctx.Err()
		}
		t := c.sessionEnded(err, false)
		if t.Code == Denied && running {
			t.Do += "; the client id " + c.secondID() + " was tried, since the unit itself is connected"
		}
		if _, ok := stepOf(err); !ok || c.negotiation.exhausted {
			return "", t
		}
		c.pause(ctx, r.next(0))
	}
}

// probeMessages returns messages on all the unit's topics that change nothing for a reader. The
// retained ones are true: whether the unit is online, its description, and that an undeclared alert
// is not up. The state is blank and as long as a long one; the others are empty.
func (c *Client) probeMessages(running bool) ([]message, error) {
	presence := topic.Offline
	if running {
		presence = topic.Online
	}
	longest, err := topic.State{
		Boot: c.o.Boot, Version: c.o.Version, Alerts: c.o.Codes[:min(len(c.o.Codes), 3)], Config: strings.Repeat("0", 32),
		Recipients: strings.Repeat("0", 32), UnitKey: strings.Repeat("0", 120), Remedy: strings.Repeat("0", 160),
		Stores: longestStates(c.o.Stores),
	}.MarshalJSON()
	if err != nil {
		return nil, err
	}
	blank := []byte(strings.Repeat(" ", len(longest)))
	all := []message{
		{topic: c.names.State(), payload: blank, qos: 1},
		{topic: c.names.Alert("probe"), qos: 1, retained: true},
		{topic: c.names.Availability(), payload: []byte(presence), qos: 1, retained: true},
		{topic: c.names.Heartbeat()},
		{topic: c.names.Event(), qos: 1},
		{topic: c.names.Ledger(), qos: 1},
	}
	if t := c.names.Discovery(); t != "" {
		all = append([]message{{topic: t, payload: c.describer.final, qos: 1, retained: true}}, all...)
	}
	return all, nil
}

// longestStates gives every store the state with the longest name.
func longestStates(names []string) map[string]topic.Store {
	all := map[string]topic.Store{}
	for _, name := range names {
		all[name] = topic.StoreReadOnly
	}
	return all
}

// runProbe publishes the probe's messages. It disconnects properly, so that the broker does not
// publish the last will.
func (c *Client) runProbe(ctx context.Context, l *link, b *broker) error {
	for _, m := range c.probe {
		if err := c.publish(ctx, l, m); err != nil {
			return err
		}
	}
	if c.negotiation.terms.qos0 { // nothing is acknowledged, but a broker that hangs up does so at once
		select {
		case <-l.wire.dead:
			return c.endOf(l)
		case <-time.After(c.time.connect / 5):
		}
	}
	if c.negotiation.accepted() {
		l.disconnect()
		return errReconnect
	}
	l.disconnect()
	if c.findDropped(ctx, b); len(c.verdicts) > 0 {
		c.dropped = <-c.verdicts
	}
	return errProbed
}
