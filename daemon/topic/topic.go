// Package topic is everything that a unit says over MQTT: the names of the topics and the payloads,
// in one place, for the unit that writes them and for whoever reads them.
//
// A unit publishes under tacet/<site>/<room>/:
//
//	availability   online, offline (also the last will)    retained, QoS 1
//	state          State: the whole of it, flat JSON       retained, QoS 1
//	heartbeat      the time, every 30 s                    QoS 0
//	event          Event: started, ended, copied, …        QoS 1
//	alert/<code>   text for a person, empty when over      retained, QoS 1
//	ledger         Ledger: the unit's signed log, in brief retained, QoS 1
//
// and, for Home Assistant, the device's description (Device) under the discovery prefix. State is
// the authority on what is up: a reader that knows state and availability knows the room.
//
// Promises:
//
//   - Discreet. There is no field for a party, a reason, a name, a refusal or a
//     level, and none can be added by accident: Check knows each field and each
//     value by name, and the client sends nothing that fails it.
//   - One line. Every payload is one line of compact JSON or plain text.
//   - Half a consent is nobody's business: the phases waiting and starting are
//     encoded as idle, stopping as recording. No encoder writes the other words.
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

// Names makes the topic names of one unit. Site and Room are [a-z0-9-]{1,32}; HomeAssistant is the
// discovery prefix, empty for none.
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

// ClientID is the unit's name at the broker.
func (n Names) ClientID() string { return "tacet-" + n.Site + "-" + n.Room }

// Discovery is where the unit describes itself to Home Assistant, or "" without a discovery prefix.
func (n Names) Discovery() string {
	if n.HomeAssistant == "" {
		return ""
	}
	return n.HomeAssistant + n.described()
}

// described is Discovery after the prefix.
func (n Names) described() string { return "/device/" + n.deviceID() + "/config" }

// Birth is where Home Assistant says that it has started, and the only topic that a unit listens
// to; "" without a discovery prefix.
func (n Names) Birth() string {
	if n.HomeAssistant == "" {
		return ""
	}
	return n.HomeAssistant + "/status"
}

// deviceID can't clash with another unit's: neither part holds an underscore.
func (n Names) deviceID() string { return "tacet_" + n.Site + "_" + n.Room }

// Valid says what is wrong with the names that the topics are made of.
func (n Names) Valid() error {
	if !place.MatchString(n.Site) || !place.MatchString(n.Room) {
		return errors.New("site and room: write 1 to 32 of a-z, 0-9 and -")
	}
	if err := ValidPrefix(n.HomeAssistant); err != nil {
		return fmt.Errorf("homeassistant: %w", err)
	}
	return nil
}

// Retained lists every topic on which the broker keeps something of this unit. An empty retained
// message on each makes it forget a unit that is gone.
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

// Split takes the name of a unit's topic apart: tacet/a/b/alert/c gives a, b and alert/c. It is
// false for every other topic.
func Split(topic string) (site, room, name string, ok bool) {
	parts := strings.SplitN(topic, "/", 4)
	if len(parts) != 4 || parts[0] != "tacet" || !place.MatchString(parts[1]) || !place.MatchString(parts[2]) {
		return "", "", "", false
	}
	return parts[1], parts[2], parts[3], true
}

var (
	place = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	// word is a code's or a store's name.
	word = regexp.MustCompile(`^[a-z0-9_-]{1,64}$`)
)

// stamp is the one way in which a time is written: RFC 3339, UTC, milliseconds.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// Heartbeat is the payload of the heartbeat topic.
func Heartbeat(now time.Time) []byte { return []byte(stamp(now)) }

// compact writes one line of JSON and leaves < > & as they are.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
