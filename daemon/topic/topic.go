// Package topic defines what a unit publishes over MQTT: the topics' names and the payloads. The
// unit writes them with this package, and every reader uses it too.
//
// A unit publishes under tacet/<site>/<room>/:
//
//	availability   online, offline (also the last will)    retained, QoS 1
//	state          State: the whole unit, flat JSON        retained, QoS 1
//	heartbeat      the time, every 30 s                    QoS 0
//	event          Event: started, ended, copied, …        QoS 1
//	alert/<code>   text for a person, empty when over      retained, QoS 1
//	ledger         Ledger: the unit's signed log, in brief retained, QoS 1
//
// and, for Home Assistant, the device's description (Device) under the discovery prefix. State is
// the authority on which alerts are up: state and availability tell a reader all about the room.
//
// Promises:
//
//   - Discreet. No payload has a field for a party, a reason, a name, a refusal or a level. The
//     tests hold every payload against the list of declared fields and values in package topictest.
//   - One line. Every payload is one line of compact JSON or plain text.
//   - Partial consent stays private: no phase exists for it.
package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Payloads of the availability topic. They are Home Assistant's defaults.
const (
	Online  = "online"
	Offline = "offline"
)

// version is the "v" of every JSON payload but Home Assistant's.
const version = 1

// Names makes the names of one unit's topics. Site and Room are [a-z0-9-]{1,32}; HomeAssistant is
// the discovery prefix, empty for none.
type Names struct {
	Site, Room    string
	HomeAssistant string
}

// root is the first level of every topic of a unit.
const root = "tacet"

func (n Names) under(name string) string { return root + "/" + n.Site + "/" + n.Room + "/" + name }

func (n Names) Availability() string     { return n.under("availability") }
func (n Names) State() string            { return n.under("state") }
func (n Names) Heartbeat() string        { return n.under("heartbeat") }
func (n Names) Event() string            { return n.under("event") }
func (n Names) Alert(code string) string { return n.under("alert/" + code) }
func (n Names) Ledger() string           { return n.under("ledger") }

// ClientID is the MQTT client identifier of the unit.
func (n Names) ClientID() string { return "tacet-" + n.Site + "-" + n.Room }

// Discovery is the topic of the unit's description for Home Assistant; "" without a discovery
// prefix.
func (n Names) Discovery() string {
	if n.HomeAssistant == "" {
		return ""
	}
	return n.HomeAssistant + n.discoverySuffix()
}

func (n Names) discoverySuffix() string { return "/device/" + n.deviceID() + "/config" }

// Describes reports whether topic is the unit's discovery topic, under any prefix.
func (n Names) Describes(topic string) bool { return strings.HasSuffix(topic, n.discoverySuffix()) }

// Birth is the topic on which Home Assistant announces that it has started. It is the only one that
// a unit subscribes to; "" without a discovery prefix.
func (n Names) Birth() string {
	if n.HomeAssistant == "" {
		return ""
	}
	return n.HomeAssistant + "/status"
}

// deviceID is unique among the units: neither site nor room holds an underscore.
func (n Names) deviceID() string { return "tacet_" + n.Site + "_" + n.Room }

// Valid reports what is wrong with site, room or discovery prefix.
func (n Names) Valid() error {
	if !place.MatchString(n.Site) || !place.MatchString(n.Room) {
		return errors.New("site and room: write 1 to 32 of a-z, 0-9 and -")
	}
	if err := ValidPrefix(n.HomeAssistant); err != nil {
		return fmt.Errorf("homeassistant: %w", err)
	}
	return nil
}

// Retained lists every topic on which the broker may hold a retained message of this unit. An empty
// retained message on each removes a retired unit.
func (n Names) Retained(codes []string) []string {
	topics := []string{n.Availability(), n.State(), n.Ledger()}
	for _, code := range codes {
		topics = append(topics, n.Alert(code))
	}
	if t := n.Discovery(); t != "" {
		topics = append(topics, t)
	}
	return topics
}

// Split splits the name of a unit's topic: tacet/a/b/alert/c into a, b and alert/c. ok is false for
// every other topic.
func Split(topic string) (site, room, name string, ok bool) {
	parts := strings.SplitN(topic, "/", 4)
	if len(parts) != 4 || parts[0] != root || !place.MatchString(parts[1]) || !place.MatchString(parts[2]) {
		return "", "", "", false
	}
	return parts[1], parts[2], parts[3], true
}

// place matches a site or a room.
var place = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// stamp formats a time as every payload has it: RFC 3339, UTC, milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Heartbeat is the payload of the heartbeat topic.
func Heartbeat(now time.Time) []byte { return []byte(stamp(now)) }

// compact returns v as one line of JSON, with < > & unescaped.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
