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
	const example = "mqtts://broker.lan:8883"
	b.require("broker", `"`+example+`"`)
	m := &MQTT{}
	cfg.MQTT = m
	tls := true
	if v, ok := b.get("broker", aText, `"`+example+`"`); ok && b.noOdd("broker", v.text) {
		_, unread := url.Parse(v.text)
		a, err := topic.ParseAddress(v.text)
		wrong := (*topic.AddressError)(nil)
		if what, instead := misread(v.text, unread, "mqtts", example); what != "" {
			b.fail("broker", what, instead)
		} else if errors.As(err, &wrong) {
			b.fail("broker", wrong.What, wrong.Do)
		} else {
			tls = a.Secure
			m.Broker = a.String()
			if !tls && !isLocal(a.Host) {
				b.warn("broker", "without TLS anybody on the network can read the status, and change it",
					"write mqtts://, and ca for a certificate of your own")
			}
		}
	}
	m.Username = b.text("username", "", 200)
	if err := topic.ValidUsername(m.Username); err != nil {
		b.fail("username", "can't be sent", err.Error())
	}
	m.PasswordFile = b.secretFile("password_file")
	m.CA = b.openFile("ca")
	m.Cert = b.openFile("cert")
	m.ClientKey = b.secretFile("client_key")
	m.HomeAssistant = "homeassistant"
	if v, ok := b.get("homeassistant", aText, `"homeassistant"`); ok {
		m.HomeAssistant = v.text
		if err := topic.ValidPrefix(v.text); err != nil {
			b.fail("homeassistant", shown(v.text)+" can't be a discovery prefix", err.Error())
		}
	}

	if b.has("password_file") && !b.has("username") {
		b.fail("password_file", "goes with a username, and there is none", `write username = "room-3"`)
	}
	if b.has("cert") && !b.has("client_key") {
		b.fail("cert", "goes with its key, and there is none", `write client_key = "/etc/tacet/client.key"`)
	}
	if b.has("client_key") && !b.has("cert") {
		b.fail("client_key", "goes with its certificate, and there is none", `write cert = "/etc/tacet/client.pem"`)
	}
	for _, key := range []string{"ca", "cert"} {
		if !tls && b.has(key) {
			b.warn(key, "means nothing without TLS", "write mqtts:// in broker")
		}
	}
}

// isLocal reports whether host is this machine itself, so that no network lies between.
func isLocal(host string) bool {
	host, _, _ = strings.Cut(host, "%") // the zone
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
