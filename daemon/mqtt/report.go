package mqtt

import (
	"strings"
	"time"
)

// Report is the state of the connection.
type Report struct {
	Connected bool     // and the broker has received everything
	Trouble   *Trouble // why not; nil while connected, and until the first attempt has failed
	Limits    string   // while connected: what the broker doesn't let the unit do, for a person, or ""
	Dropped   uint64   // events dropped since the start because too many waited
}

// Connected reports whether the broker is connected and has received everything.
func (c *Client) Connected() bool { return c.up.Load() }

// report passes a change on to the caller and to the log. The same trouble again is not a change: a
// broker that is away for a week is logged once.
func (c *Client) report(r Report) {
	r.Dropped = c.out.droppedEvents()
	old := c.reported
	c.reported = r
	changed := r.Connected != old.Connected || r.Limits != old.Limits || r.Trouble.key() != old.Trouble.key()
	switch {
	case changed && r.Connected && c.shouldLog("connected"):
		c.log.Info("connected to the broker", "broker", c.o.Broker, "dropped_events", r.Dropped, "limits", r.Limits)
	case changed && r.Trouble != nil && c.shouldLog(r.Trouble.What):
		c.log.Warn("no connection to the broker", "broker", c.o.Broker, "err", r.Trouble, "do", r.Trouble.Do)
	}
	if r.Dropped > old.Dropped && c.shouldLog("dropped") {
		c.log.Warn("too many events wait for the broker; the oldest are dropped", "kept", c.o.Queue, "dropped", r.Dropped)
	}
	if c.o.Report != nil && (changed || r.Dropped != old.Dropped) {
		c.o.Report(r)
	}
}

// shouldLog limits each subject to one line in ten minutes, so that a connection that flaps doesn't
// fill the log. The subjects are few and fixed.
func (c *Client) shouldLog(subject string) bool {
	if last, logged := c.loggedAt[subject]; logged && time.Since(last) < 10*time.Minute {
		return false
	}
	c.loggedAt[subject] = time.Now()
	return true
}

// unseen is the trouble if the broker accepts the unit but drops its state, so that nobody sees it.
func (c *Client) unseen() *Trouble {
	for _, m := range c.dropped {
		if c.kindOf(m.topic) == state {
			return &Trouble{
				Code: Denied, What: "the broker accepts the unit, but drops what it publishes on " + m.topic,
				Do: "on the broker, allow the unit's account to publish under " + strings.TrimSuffix(m.topic, "state"),
			}
		}
	}
	return nil
}

// limits describes what the broker doesn't let the unit do, or is empty.
func (c *Client) limits() string {
	all := c.negotiation.terms.limits()
	if c.notSubscribed {
		all = append(all, "the broker does not let the unit subscribe to "+c.names.Birth()+", so it goes on without "+
			consequence(birth))
	}
	for _, m := range c.dropped {
		all = append(all, "the broker says that it drops what the unit publishes on "+m.topic+", so it goes on without "+
			consequence(c.kindOf(m.topic)))
	}
	return strings.Join(all, "; ")
}
