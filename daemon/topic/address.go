package topic

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Address is where a broker is. The configuration's check and the client read it with the same
// function, so that what the check passes the client takes.
type Address struct {
	Host   string // a name or an IP address, which may have a zone: fe80::1%eth0
	Port   string
	Secure bool // with TLS
}

// AddressError is what is wrong with an address. Its text never repeats the address: a password may
// stand in it.
type AddressError struct {
	What string // is wrong
	Do   string // about it
}

func (e *AddressError) Error() string { return e.What + ": " + e.Do }

const addressExample = `write one like "mqtts://broker.lan:8883"`

// ParseAddress reads mqtt://host[:1883] or mqtts://host[:8883]. Its errors are *AddressError.
func ParseAddress(text string) (Address, error) {
	u, err := url.Parse(text)
	ports := map[string]string{"mqtt": "1883", "mqtts": "8883"}
	wrong := func(what, do string) (Address, error) { return Address{}, &AddressError{what, do} }
	switch {
	case err != nil && strings.Contains(text, "://[") && strings.Contains(text, "%"):
		return wrong("is not an address", `write the zone of an IPv6 address after %25, as in "mqtt://[fe80::1%25eth0]"`)
	case err != nil || u.Opaque != "":
		return wrong("is not an address", addressExample)
	case u.User != nil && hasPassword(u):
		return wrong("a password stands in the address", "remove it, and write username and password_file below")
	case u.User != nil:
		return wrong("a user stands in the address", `remove it, and write username = "…" below`)
	case u.Hostname() == "":
		return wrong("is not an address", addressExample)
	case ports[u.Scheme] == "":
		return wrong(u.Scheme+" is not spoken here", "write mqtts:// or mqtt://")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return wrong("the port is not one", "write a number between 1 and 65535, or none")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return wrong("there is something after the port", addressExample)
	case u.Path != "" && u.Path != "/":
		return wrong("there is a path after the host", addressExample)
	}
	a := Address{Host: u.Hostname(), Port: u.Port(), Secure: u.Scheme == "mqtts"}
	if a.Port == "" {
		a.Port = ports[u.Scheme]
	}
	if strings.ContainsFunc(a.Host, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) {
		return wrong("the host is not one", addressExample)
	}
	return a, nil
}

func hasPassword(u *url.URL) bool { _, has := u.User.Password(); return has }

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n <= 65535
}

// Dial is the address as net.Dial takes it.
func (a Address) Dial() string { return net.JoinHostPort(a.Host, a.Port) }

// String is the address as ParseAddress takes it, with its port.
func (a Address) String() string {
	scheme := "mqtt"
	if a.Secure {
		scheme = "mqtts"
	}
	return (&url.URL{Scheme: scheme, Host: a.Dial()}).String()
}

// maxUsername bounds a user name, in bytes.
const maxUsername = 200

// ValidUsername says whether MQTT can carry a user name: UTF-8 without control characters.
func ValidUsername(name string) error {
	if len(name) > maxUsername || strings.ContainsFunc(name,
		func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Errorf("a user name has at most %d bytes and no control characters", maxUsername)
	}
	return nil
}

var level = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// ErrPrefix is the answer to a discovery prefix that can't be used.
var ErrPrefix = errors.New(`write a topic of at most 4 levels of letters, digits, ".", "-" and "_", as in "homeassistant", and none under tacet; or "" for none`)

// ValidPrefix says whether Home Assistant's discovery prefix can be used; empty is none. It may not
// lie among the units' own topics.
func ValidPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	levels := strings.Split(prefix, "/")
	if len(levels) > 4 || levels[0] == root ||
		slices.ContainsFunc(levels, func(l string) bool { return !level.MatchString(l) }) {
		return ErrPrefix
	}
	return nil
}
