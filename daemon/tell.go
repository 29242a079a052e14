package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/status"
	"tacet/daemon/topic"
)

const (
	// tellRetry is how long to wait before files that the broker needs are read
	// again.
	tellRetry = 30 * time.Second
	// witnessEvery is how often the running recording's checkpoint goes out.
	witnessEvery = time.Minute
)

// teller says over MQTT what the unit says of itself. Its methods are called by
// the owner and never block.
type teller struct {
	client    *status.Client
	alerts    map[string]string // as last told
	witnessed time.Time
	due       bool // the ledger's head has to go out
}

// tell keeps the unit's broker up to date, if the configuration names one, until
// ctx ends; then it says that the unit is offline.
func (d *Daemon) tell(ctx context.Context) {
	if d.cfg.MQTT == nil {
		return
	}
	for {
		o, err := d.brokerOptions()
		var c *status.Client
		if err == nil {
			c, err = status.New(o)
		}
		if err == nil {
			d.post(tellerReady{c})
			if err := c.Run(ctx); err != nil {
				d.log.Warn("leaving the broker", "err", err)
			}
			return
		}
		d.warn("mqtt-denied", err)
		select {
		case <-time.After(tellRetry):
		case <-ctx.Done():
			return
		}
	}
}

// brokerOptions reads the files that the configuration names.
func (d *Daemon) brokerOptions() (status.Options, error) {
	m := d.cfg.MQTT
	var failed []error
	read := func(path string) []byte {
		if path == "" {
			return nil
		}
		data, err := os.ReadFile(path)
		failed = append(failed, err)
		return data
	}
	o := status.Options{
		Broker: m.Broker, Username: m.Username, Password: strings.TrimSpace(string(read(m.PasswordFile))),
		CA: read(m.CA), Cert: read(m.Cert), Key: read(m.ClientKey),
		Site: d.cfg.Room.Site, Room: d.cfg.Room.ID, RoomName: d.cfg.Room.Name,
		HomeAssistant: m.HomeAssistant, Version: d.o.Version, Boot: d.o.Boot,
		Report: d.brokerReport, Log: d.log,
	}
	for _, s := range d.cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	for _, w := range health.Declared() {
		o.Codes = append(o.Codes, w.Code)
	}
	if err := errors.Join(failed...); err != nil {
		return o, fmt.Errorf("what [mqtt] names can't be read: %w", err)
	}
	return o, nil
}

// brokerReport puts up and takes down the warning that goes with the connection.
// It runs on the client's goroutine.
func (d *Daemon) brokerReport(r status.Report) {
	switch {
	case r.Connected:
		d.health.Clear("mqtt-offline")
		d.health.Clear("mqtt-denied")
	case r.Trouble != nil:
		d.warn("mqtt-offline", r.Trouble)
	}
}

// say hands the broker's client what has changed.
func (t *teller) say(d *Daemon, s *Status, now time.Time) {
	if t.client == nil {
		return
	}
	t.client.Publish(t.state(d, s))
	alerts := map[string]string{}
	for _, w := range s.Warnings {
		alerts[w.Code] = topic.OneLine(w.Message())
		if _, told := t.alerts[w.Code]; !told {
			t.client.Event(topic.Event{Type: topic.Faulted, Code: w.Code})
		}
	}
	for code := range t.alerts {
		if _, up := alerts[code]; !up {
			t.client.Event(topic.Event{Type: topic.Cleared, Code: code})
		}
	}
	t.alerts = alerts
	t.client.Alerts(alerts)
	t.witness(d, s, now)
}

// witness hands out the ledger's head and the running recording's checkpoint: at the start, every minute of a recording,
// and at its end. At no other time, or a consent that was withdrawn at once would show, in the lines that the ledger has of it.
func (t *teller) witness(d *Daemon, s *Status, now time.Time) {
	if d.disk == nil || !t.due && (s.Recording == "" || now.Sub(t.witnessed) < witnessEvery) {
		return
	}
	t.due, t.witnessed = false, now
	t.client.Ledger(topic.Ledger{Head: string(d.disk.ledger.Head()), Recording: s.Recording, Checkpoint: s.Checkpoint})
}

func (t *teller) event(e topic.Event) {
	if t.client != nil {
		t.client.Event(e)
	}
}

// state is the status as the topic has it.
func (t *teller) state(d *Daemon, s *Status) topic.State {
	out := topic.State{
		Version: s.Version, Clock: topic.Clock(s.Clock), Phase: topic.Phase(s.Phase),
		Mic: topic.Mic(s.Mic), Light: topic.Light(s.Light),
		Config: d.cfg.Hash(), Recipients: d.recipientsHash(),
	}
	if d.disk != nil {
		out.SpoolFreeH = topic.Hours(s.SpoolFree)
	}
	out.Pending = s.Pending
	if s.Pending > 0 && !s.Oldest.IsZero() {
		out.OldestPendingH = topic.Hours(max(0, d.hw.Clock.Now().Sub(s.Oldest)))
	}
	for _, st := range s.Stores {
		if out.Stores == nil {
			out.Stores = map[string]topic.Store{}
		}
		out.Stores[st.Name] = st.State
	}
	for _, w := range s.Warnings {
		out.Alerts = append(out.Alerts, w.Code)
	}
	return out
}

// recipientsHash is a short name for who may open the recordings.
func (d *Daemon) recipientsHash() string {
	sum := sha256.Sum256([]byte(strings.Join(d.fingerprints(), "\n")))
	return hex.EncodeToString(sum[:4])
}
