package daemon

import "tacet/daemon/mqtt"

// Connect makes p the broker's client.
func (d *Daemon) Connect(p mqtt.Publisher) { d.post(brokerReady{p}) }
