package daemon

import (
	"errors"

	"tacet/config"
	"tacet/config/textfile"
	"tacet/daemon/health"
	"tacet/daemon/status"
)

// Bounds of the files that [mqtt] names, in bytes: a list of authorities is the longest; MQTT has no longer password.
const (
	maxCredential = 1 << 20
	maxPassword   = 65535
)

// brokerOptions are all that the client needs to know.
func (d *Daemon) brokerOptions() status.Options {
	o := brokerAccess(d.cfg)
	o.RoomName, o.HomeAssistant = d.cfg.Room.Name, d.cfg.MQTT.HomeAssistant
	o.Version, o.Boot, o.Report, o.Log = d.o.Version, d.o.Boot, d.brokerReport, d.log
	for _, s := range d.cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	for _, w := range health.Declared() {
		o.Codes = append(o.Codes, string(w.Code))
	}
	return o
}

// brokerAccess is what it takes to reach the broker.
func brokerAccess(cfg *config.Config) status.Options {
	m := cfg.MQTT
	return status.Options{
		Broker: m.Broker, Username: m.Username, Credentials: func() (status.Credentials, error) { return readCredentials(m) },
		Site: cfg.Room.Site, Room: cfg.Room.ID,
	}
}

// readCredentials reads the files that the configuration names.
func readCredentials(m *config.MQTT) (status.Credentials, error) {
	var c status.Credentials
	var failed []error
	if m.PasswordFile != "" {
		password, err := textfile.Value(m.PasswordFile, maxPassword)
		c.Password, failed = password, append(failed, err)
	}
	for _, file := range []struct {
		path string
		to   *[]byte
	}{{m.CA, &c.CA}, {m.Cert, &c.Cert}, {m.ClientKey, &c.Key}} {
		if file.path == "" {
			continue
		}
		text, err := textfile.Read(file.path, maxCredential)
		*file.to, failed = text, append(failed, err)
	}
	return c, errors.Join(failed...)
}

// brokerReport puts up the warning that goes with the connection, and takes down
// the others. It runs on the client's goroutine.
func (d *Daemon) brokerReport(r status.Report) {
	if !r.Connected && r.Trouble == nil {
		return
	}
	for _, code := range status.Codes() {
		if r.Connected || code != r.Trouble.Code {
			d.health.Clear(code)
		}
	}
	if !r.Connected {
		d.warn(r.Trouble.Code, r.Trouble)
	}
}
