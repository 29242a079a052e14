package daemon

import (
	"errors"
	"fmt"
	"time"

	"tacet/config"
	"tacet/config/textfile"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
)

// Bounds of the files that [mqtt] names, in bytes: a list of authorities is the longest; MQTT has
// no longer password.
const (
	maxCredential = 1 << 20
	maxPassword   = 65535
)

// brokerOptions are all that the client needs to know.
func (d *Daemon) brokerOptions() mqtt.Options {
	m := d.cfg.MQTT
	o := mqtt.Options{
		Broker: m.Broker, Username: m.Username, Credentials: func() (mqtt.Credentials, error) { return readCredentials(m) },
		Site: d.cfg.Room.Site, Room: d.cfg.Room.ID, RoomName: d.cfg.Room.Name, HomeAssistant: m.HomeAssistant,
		Version: d.o.Version, Boot: d.o.Boot, Memory: toldFile{d}, Report: d.brokerReport, Log: d.log,
	}
	for _, s := range d.cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	for _, w := range health.Declared() {
		o.Codes = append(o.Codes, string(w.Code))
		if !w.Problem() {
			o.Notes = append(o.Notes, string(w.Code))
		}
	}
	return o
}

// toldFile keeps what Home Assistant was told last, in the unit's own folder.
type toldFile struct{ d *Daemon }

const (
	toldName = "homeassistant.json"
	maxTold  = 64 << 10 // bytes
)

// Load waits for a disk, but not for ever: without it, the unit is described all the same.
func (f toldFile) Load() ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		fsys, err := f.d.o.FS(f.d.o.Dir)
		if err != nil {
			done <- result{nil, err}
			return
		}
		data, err := durable.ReadFile(fsys, toldName, maxTold)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-time.After(probeEnds):
		return nil, fmt.Errorf("read %s: the disk does not answer", toldName)
	}
}

func (f toldFile) Save(data []byte) error {
	fsys, err := f.d.o.FS(f.d.o.Dir)
	if err == nil {
		err = durable.WriteFile(fsys, toldName, data)
	}
	if err != nil {
		f.d.log.Warn("keep what Home Assistant was told", "err", err)
	}
	return err
}

// readCredentials reads the files that the configuration names.
func readCredentials(m *config.MQTT) (mqtt.Credentials, error) {
	var c mqtt.Credentials
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

// brokerReport puts up the warning that goes with the connection, and takes down the others. It
// runs on the client's goroutine.
func (d *Daemon) brokerReport(r mqtt.Report) {
	if !r.Connected && r.Trouble == nil {
		return
	}
	for _, code := range mqtt.Codes() {
		if r.Connected || code != r.Trouble.Code {
			d.health.Clear(code)
		}
	}
	if !r.Connected {
		d.warn(r.Trouble.Code, r.Trouble)
	}
	if r.Limits == "" {
		d.health.Clear(health.MQTTLimited)
	} else {
		d.warn(health.MQTTLimited, errors.New(r.Limits))
	}
}
