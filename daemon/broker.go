package daemon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/status"
)

// maxCredential bounds each file that [mqtt] names: a list of authorities is the
// longest.
const maxCredential = 1 << 20

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
}
