package daemon

import (
	"context"

	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
	"tacet/daemon/trust"
)

// runBroker keeps the configured broker up to date until ctx ends, and then says that the unit is
// offline.
func (d *Daemon) runBroker(ctx context.Context) {
	if d.cfg.MQTT == nil {
		return
	}
	o := brokerOptions(d.cfg)
	o.Version, o.Boot, o.Log = d.options.Version, d.options.Boot, d.log
	o.Description = mqtt.DescriptionFile{
		Folder: func() (durable.FS, error) { return d.options.FS(d.options.Dir) }, Log: d.log,
	}
	o.Report = mqtt.WarnOf(d.warnings)
	c, err := mqtt.New(o)
	if err != nil { // config has checked the options
		d.warnings.Warn(health.InternalError, err)
		return
	}
	d.post(brokerReady{c})
	c.Run(ctx)
}

// brokerOptions returns what the configuration says of the broker.
func brokerOptions(cfg *config.Config) mqtt.Options {
	m := cfg.MQTT
	o := mqtt.Options{
		Broker: m.Broker, Username: m.Username,
		Credentials: mqtt.CredentialFiles{Password: m.PasswordFile, CA: m.CA, Cert: m.Cert, Key: m.ClientKey}.Read,
		Site:        cfg.Room.Site, Room: cfg.Room.ID, RoomName: cfg.Room.Name, HomeAssistant: m.HomeAssistant,
	}
	for _, s := range cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	return o.WithWarnings(health.Declared())
}

// snapshot returns a status as the broker gets it.
func (d *Daemon) snapshot(s *Status) mqtt.Snapshot {
	snap := mqtt.Snapshot{
		State: topic.State{
			Version: s.Version, VersionWaiting: s.Waiting, Clock: topic.Clock(s.Clock), Phase: topic.Phase(s.Phase),
			Mic: topic.Mic(s.Mic), Light: topic.Light(s.Light), UnitKey: s.UnitKey, Pending: s.Pending,
			Config: d.cfg.Hash(), Recipients: topic.RecipientsHash(trust.Fingerprints(d.recipients(d.disk))),
		},
		Warnings: s.Warnings, Recording: s.Recording, Checkpoint: s.Checkpoint,
	}
	state := &snap.State
	if d.disk != nil {
		state.SpoolFreeH = topic.Hours(s.SpoolFree)
		snap.LedgerHead = string(d.disk.Ledger.Head())
	}
	if s.Pending > 0 && !s.Oldest.IsZero() {
		state.OldestPendingH = topic.Hours(s.Oldest.Age(d.hw.Clock.Now()))
	}
	if len(s.Stores) > 0 {
		state.Stores = map[string]topic.Store{}
	}
	for _, st := range s.Stores {
		state.Stores[st.Name] = st.State
	}
	return snap
}
