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

// Address is a broker's address. The configuration and the client parse it with the same function,
// so the client accepts what the configuration's check has passed.
type Address struct {
	Host   string // a name or an IP address, which may have a zone: fe80::1%eth0
	Port   string
	Secure bool // with TLS
}

// AddressError is what is wrong with an address. It never repeats the address, which may hold a
// password.
type AddressError struct {
	What string // what is wrong
	Do   string // what to write instead
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
		return wrong("the address holds a password", "remove it, and write username and password_file below")
	case u.User != nil:
		return wrong("the address holds a user name", `remove it, and write username = "…" below`)
	case u.Hostname() == "":
		return wrong("is not an address", addressExample)
	case ports[u.Scheme] == "":
		return wrong(u.Scheme+":// is not supported", "write mqtts:// or mqtt://")
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()):
		return wrong("the port is not valid", "write a number between 1 and 65535, or none")
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
		return wrong("the host is not valid", addressExample)
	}
	return a, nil
}

func hasPassword(u *url.URL) bool { _, has := u.User.Password(); return has }

func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n <= 65535
}

// Dial is the address for net.Dial.
func (a Address) Dial() string { return net.JoinHostPort(a.Host, a.Port) }

// String is the address in the form that ParseAddress reads, with its port.
func (a Address) String() string {
	scheme := "mqtt"
	if a.Secure {
		scheme = "mqtts"
	}
	return (&url.URL{Scheme: scheme, Host: a.Dial()}).String()
}

// maxUsername is the most bytes that a user name may have.
const maxUsername = 200

// ValidUsername checks that MQTT can carry a user name: UTF-8 without control characters.
func ValidUsername(name string) error {
	if len(name) > maxUsername || strings.ContainsFunc(name,
		func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return fmt.Errorf("a user name has at most %d bytes and no control characters", maxUsername)
	}
	return nil
}

var level = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// ErrPrefix says what a discovery prefix must look like.
var ErrPrefix = errors.New(`write a topic of at most 4 levels of letters, digits, ".", "-" and "_", ` +
	`as in "homeassistant", and none under tacet; or "" for none`)

// ValidPrefix checks a discovery prefix of Home Assistant; empty is none. It may not be among the
// units' own topics.
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
