package mqtt

import (
	"context"
	"math/rand/v2"
	"time"
)

// retry computes growing pauses with jitter, so that forty units don't reconnect at once to a
// broker that has just come back. The longest pause is short enough to publish everything within
// a heartbeat after the broker is back.
type retry struct{ min, max, last time.Duration }

// next is the pause after a connection that lasted for a time. After one that outlived the longest
// pause, the pauses are short again.
func (r *retry) next(lasted time.Duration) time.Duration {
	if lasted > r.max {
		r.last = 0
	}
	r.last = min(max(2*r.last, r.min), r.max)
	return r.last/2 + rand.N(r.last/2+1)
}

// pause waits before the next attempt. Meanwhile it reports dropped events.
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
			c.report(c.reported)
		}
	}
}
