package config

import (
	"net"
	"net/url"
	"regexp"
)

var topicPrefix = regexp.MustCompile(`^([A-Za-z0-9_.-]{1,64}(/[A-Za-z0-9_.-]{1,64}){0,3})?$`)

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
	if u := b.address("broker", example, "remove it, and write username and password_file below", "mqtts", "mqtt"); u != nil {
		switch {
		case u.User != nil:
			b.fail("broker", "a user stands in the address", `remove it, and write username = "…" below`)
		case u.Path != "" && u.Path != "/":
			b.fail("broker", "there is a path behind the host", "write one like "+example)
		}
		tls = u.Scheme == "mqtts"
		m.Broker = withPort(u)
		if !tls && !isLocal(u.Hostname()) {
			b.warn("broker", "without TLS anybody on the network can read the status, and change it", "write mqtts://, and ca for a certificate of your own")
		}
	}
	m.Username = b.text("username", "", 200)
	m.PasswordFile = b.secretFile("password_file")
	m.CA = b.openFile("ca")
	m.Cert = b.openFile("cert")
	m.ClientKey = b.secretFile("client_key")
	m.HomeAssistant = b.match("homeassistant", "homeassistant", topicPrefix, `a discovery prefix, as in "homeassistant", or "" for none`)

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

// withPort writes the broker's address with the port, also where that is the usual one.
func withPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}

// isLocal reports whether host is this machine itself, so that no network lies between.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
