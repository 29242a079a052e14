package main

import (
	"context"
	"fmt"
	"time"

	"tacet/daemon"
)

func (d *doctor) broker(ctx context.Context) {
	m := d.cfg.MQTT
	if m == nil {
		d.report(untried, "broker", "none is configured")
		return
	}
	d.try(ctx, "broker "+m.Broker, networkTimeout, func(ctx context.Context) (string, error) {
		limits, err := daemon.ProbeBroker(ctx, d.cfg, d.running != "")
		if err == nil && limits != "" {
			err = fmt.Errorf("accepts the unit, but %s", limits)
		}
		return "accepts the unit and everything that it publishes", err
	})
}

// systemTime reports whether a time server has set the clock.
func (d *doctor) systemTime(context.Context) {
	now := d.clock.Now().Format(time.RFC1123)
	if d.clock.Synced() {
		d.report(ok, "clock", "set by a time server: %s", now)
	} else {
		d.report(failed, "clock", `not set by a time server: %s; "timedatectl timesync-status" tells more`, now)
	}
}
