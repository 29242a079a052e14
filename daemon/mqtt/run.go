package mqtt

import (
	"context"
	"errors"
	"time"
)

// Run keeps the broker up to date until ctx ends. Then it sends what waits, publishes offline and
// returns, within three seconds. It is called once.
//
// It connects after the first call of Publish: until then it would have nothing true to say.
func (c *Client) Run(ctx context.Context) {
	for !c.out.has(c.names.State()) {
		select {
		case <-ctx.Done():
			return
		case <-c.out.notify:
		}
	}
	r := retry{min: c.time.retryMin, max: min(c.time.retryMax, c.o.Heartbeat*2/3)}
	for ctx.Err() == nil {
		start := time.Now()
		err := c.session(ctx)
		wasUp := c.up.Swap(false)
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errReconnect) {
			continue
		}
		c.report(Report{Trouble: c.sessionEnded(err, wasUp)})
		c.pause(ctx, r.next(time.Since(start)))
	}
	c.report(Report{})
}

// errReconnect ends a session whose successor starts at once, on other terms.
var errReconnect = errors.New("reconnect on other terms")

// sessionEnded adapts the terms to how a session ended, and diagnoses the error. wasUp: the broker
// had received everything.
func (c *Client) sessionEnded(err error, wasUp bool) *Trouble {
	t := diagnose(stageSession, err)
	if s, ok := stepOf(err); ok {
		c.negotiation.failed(s)
		if first := c.negotiation.firstFailed; first.kind != "" && first.kind != connecting {
			t = stepTrouble(first, err)
		}
		if c.negotiation.exhausted && s.kind != connecting {
			t.Code = Denied
		}
	} else if wasUp {
		c.negotiation.reset()
	}
	return t
}
