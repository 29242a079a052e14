package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/health"
	"tacet/daemon/status"
)

// maxCredential bounds each file that [mqtt] names: a list of authorities is the
// longest.
const maxCredential = 1 << 20

// brokerOptions are all that the client needs to know.
func (d *Daemon) brokerOptions() status.Options {
	m := d.cfg.MQTT
	o := status.Options{
		Broker: m.Broker, Username: m.Username, Credentials: func() (status.Credentials, error) { return readCredentials(m) },
		Site: d.cfg.Room.Site, Room: d.cfg.Room.ID, RoomName: d.cfg.Room.Name, HomeAssistant: m.HomeAssistant,
		Version: d.o.Version, Boot: d.o.Boot, Memory: toldFile{d}, Report: d.brokerReport, Log: d.log,
	}
	for _, s := range d.cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	for _, w := range health.Declared() {
		o.Codes = append(o.Codes, string(w.Code))
		o.Remedies = append(o.Remedies, w.Remedy())
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
func readCredentials(m *config.MQTT) (status.Credentials, error) {
	var failed []error
	read := func(path string) []byte {
		if path == "" {
			return nil
		}
		data, err := readBounded(path)
		failed = append(failed, err)
		return data
	}
	c := status.Credentials{
		Password: strings.TrimSpace(string(read(m.PasswordFile))), CA: read(m.CA), Cert: read(m.Cert), Key: read(m.ClientKey),
	}
	return c, errors.Join(failed...)
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxCredential+1))
	if err == nil && len(data) > maxCredential {
		err = fmt.Errorf("%s: more than %d KiB are no password and no certificate", path, maxCredential>>10)
	}
	return data, err
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
	if r.Limits == "" {
		d.health.Clear(health.MQTTLimited)
	} else {
		d.warn(health.MQTTLimited, errors.New(r.Limits))
	}
}
