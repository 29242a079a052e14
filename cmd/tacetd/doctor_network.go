package main

import (
	"context"
	"fmt"
	"net/url"

	"tacet/cmd/internal/diagnosis"
	"tacet/daemon"
)

func (d *doctor) broker(ctx context.Context) {
	m := d.cfg.MQTT
	if m == nil {
		d.report(absent, "broker", "none is configured")
		return
	}
	host, port := brokerAddress(m.Broker)
	d.try(ctx, "broker "+m.Broker, networkTimeout,
		fix{"check [mqtt] in the configuration, the network, and the broker's log", "nc -vz " + host + " " + port},
		func(ctx context.Context) (string, error) {
			limits, err := daemon.ProbeBroker(ctx, d.cfg, d.running != "")
			if err == nil && limits != "" {
				err = fmt.Errorf("accepts the unit, but %s", limits)
			}
			return "accepts the unit and everything that it publishes", err
		})
}

// brokerAddress returns a broker's host and port, quoted for a shell.
func brokerAddress(broker string) (host, port string) {
	u, err := url.Parse(broker)
	if err != nil {
		return "HOST", "PORT"
	}
	return diagnosis.Quote(u.Hostname()), diagnosis.Quote(u.Port())
}

// systemTime reports who sets the clock, and whether it is set.
func (d *doctor) systemTime(context.Context) {
	d.found.Add(d.host.Clock(d.clock.Now(), d.clock.Synced()))
}

// machine reports what the kernel tells of the machine.
func (d *doctor) machine(context.Context) {
	findings := d.hostSeen
	if findings == nil {
		findings = d.host.Findings()
	}
	for _, f := range findings {
		d.found.Add(f)
	}
}
