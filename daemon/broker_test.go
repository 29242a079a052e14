package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
)

// The client accepts what the configuration's check accepts.
func TestWhatTheCheckPassesTheClientTakes(t *testing.T) {
	tried := 0
	for _, broker := range []string{
		"mqtt://broker.lan", "mqtts://broker.lan", "mqtts://broker.lan:1/", "mqtt://192.0.2.7:65535", "mqtt://[::1]",
		"mqtts://[fe80::1%25lo]:7", "mqtt://[fe80::1%25lo]",
		"mqtt://[fe80::1%lo]", "mqtt://bücher.lan", "mqtt://a%20b", "mqtt://a b", "mqtt://b:", "mqtt://b:0",
		"MQTT://broker.lan", "mqtt://b%00", "mqtt://b/x", "tcp://b",
	} {
		for _, prefix := range []string{"homeassistant", "home.assistant", "", "ha/a/b/c", "ha/a/b/c/d", "a b", "#", "tacet",
			"tacet/x", "ha/", ".", "-"} {
			for _, user := range []string{"room-3", "Zimmer 3 ü", strings.Repeat("ü", 100), strings.Repeat("ü", 101), "a\u0001b",
				"  "} {
				text := fmt.Sprintf(minimalConfig, broker, user, prefix)
				cfg, _, err := config.Parse("tacet.toml", []byte(text))
				if err != nil {
					continue
				}
				tried++
				if _, err := mqtt.New(brokerOptions(cfg)); err != nil {
					t.Errorf("broker %q, user %q, prefix %q pass the check, and the client says: %v", broker, user, prefix, err)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d were passed", tried)
	}
}

// The broker's client knows every warning, and which of them need no action.
func TestTheClientKnowsTheNotes(t *testing.T) {
	text := fmt.Sprintf(minimalConfig, "mqtts://broker.lan", "room-3", "homeassistant")
	cfg, _, err := config.Parse("tacet.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var codes, notes []string
	for _, w := range health.Declared() {
		if codes = append(codes, string(w.Code)); w.Severity == health.Note {
			notes = append(notes, string(w.Code))
		}
	}
	if o := brokerOptions(cfg); !slices.Equal(o.Codes, codes) || !slices.Equal(o.Notes, notes) ||
		!slices.Contains(notes, "recording-interrupted") {
		t.Errorf("it knows the notes %q of %q, want %q", o.Notes, o.Codes, notes)
	}
}

const minimalConfig = `[room]
site = "high-street"
id = "room-3"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[audio]
device = "hw:CARD=Device,DEV=0"
[encrypt]
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
[mqtt]
broker = "%s"
username = "%s"
homeassistant = "%s"
`
