package config

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"tacet/daemon/topic"
)

func (c *checker) mqtt(cfg *Config) {
	b := c.block("mqtt")
	if !b.there {
		return
	}
	m := &MQTT{}
	cfg.MQTT = m
	address, tls := b.broker()
	m.Broker = address
	m.Username = b.text("username", "", 200)
	if err := topic.ValidUsername(m.Username); err != nil {
		b.fail("username", "can't be sent", err.Error())
	}
	m.PasswordFile = b.secretFile("password_file")
	m.CA = b.openFile("ca")
	m.Cert = b.openFile("cert")
	m.ClientKey = b.secretFile("client_key")
	m.HomeAssistant = "homeassistant"
	if v, ok := b.get("homeassistant", kindText, `"homeassistant"`); ok {
		m.HomeAssistant = v.text
		if err := topic.ValidPrefix(v.text); err != nil {
			b.fail("homeassistant", quote(v.text)+" can't be a discovery prefix", err.Error())
		}
	}

	for _, pair := range []struct{ key, needs, what, example string }{
		{"password_file", "username", "a username", `username = "room-3"`},
		{"cert", "client_key", "its key", `client_key = "/etc/tacet/client.key"`},
		{"client_key", "cert", "its certificate", `cert = "/etc/tacet/client.pem"`},
	} {
		if b.has(pair.key) && !b.has(pair.needs) {
			b.fail(pair.key, "needs "+pair.what+", and there is none", "write "+pair.example)
		}
	}
	for _, key := range []string{"ca", "cert"} {
		if !tls && b.has(key) {
			b.warn(key, "has no effect without TLS", "write mqtts:// in broker")
		}
	}
}

// broker reads the broker's address, and reports whether it has TLS.
func (b block) broker() (address string, tls bool) {
	const example = "mqtts://broker.lan:8883"
	b.require("broker", `"`+example+`"`)
	v, ok := b.get("broker", kindText, `"`+example+`"`)
	if !ok || !b.noLookalikes("broker", v.text) {
		return "", true
	}
	_, unread := url.Parse(v.text)
	a, err := topic.ParseAddress(v.text)
	wrong := (*topic.AddressError)(nil)
	if what, instead := explainURL(v.text, unread, "mqtts", example); what != "" {
		b.fail("broker", what, instead)
		return "", true
	} else if errors.As(err, &wrong) {
		b.fail("broker", wrong.What, wrong.Do)
		return "", true
	}
	if !a.Secure && !isLocal(a.Host) {
		b.warn("broker", "without TLS anybody on the network can read and change the status",
			"write mqtts://, and ca for a certificate of your own")
	}
	return a.String(), a.Secure
}

// isLocal reports whether host is this machine, so that there is no network in between.
func isLocal(host string) bool {
	host, _, _ = strings.Cut(host, "%") // the zone
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
