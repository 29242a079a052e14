package topic

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// An address survives String and ParseAddress, and can be dialled.
func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"mqtt://broker.lan":          {"broker.lan", "1883", false},
		"mqtts://broker.lan":         {"broker.lan", "8883", true},
		"mqtts://broker.lan:1/":      {"broker.lan", "1", true},
		"mqtt://192.0.2.7:65535":     {"192.0.2.7", "65535", false},
		"mqtt://[::1]":               {"::1", "1883", false},
		"mqtts://[fe80::1%25eth0]:7": {"fe80::1%eth0", "7", true},
		"mqtt://[fe80::1%25wl%2Do]":  {"fe80::1%wl-o", "1883", false},
		"mqtt://bücher.lan":          {"bücher.lan", "1883", false},
	} {
		got, err := ParseAddress(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
			continue
		}
		if again, err := ParseAddress(got.String()); err != nil || again != want {
			t.Errorf("%s is written as %s, which is %+v, %v", text, got, again, err)
		}
	}
	for text, words := range map[string]string{
		"broker.lan": "is not an address", "mqtt://": "is not an address", "mqtt:x": "is not an address",
		"": "is not an address", "mqtt://:1883": "is not an address",
		"tcp://b": "tcp:// is not supported", "mqtt://b:0": "the port is not valid",
		"mqtt://b:65536": "the port is not valid",
		"mqtt://b:":      "the port is not valid",
		"mqtt://b/x":     "a path after the host", "mqtt://b?x": "something after", "mqtt://b#x": "something after",
		"mqtt://b?":             "something after",
		"mqtt://[fe80::1%eth0]": "%25", "mqtt://u@b": "holds a user name", "mqtt://u:hunter2@b": "holds a password",
		"mqtt://u:hunter2@b:x": "is not an address",
		"mqtt://a%20b":         "is not",
	} {
		_, err := ParseAddress(text)
		if wrong := (*AddressError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), words) ||
			strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, words)
		}
	}
}

func TestPrefixes(t *testing.T) {
	for prefix, want := range map[string]bool{
		"": true, "homeassistant": true, "home.assistant": true, "ha/a/b/c": true, "a-b_c.D/9": true,
		"ha/a/b/c/d": false, "ha/#": false, "+": false, "/ha": false, "ha/": false, "a b": false, "tacet": false,
		"tacet/high-street/room-3": false,
		"tacets":                   true, strings.Repeat("x", 65): false,
	} {
		n := Names{Site: "a", Room: "b", HomeAssistant: prefix}
		if got := ValidPrefix(prefix) == nil; got != want || (n.Valid() == nil) != want {
			t.Errorf("%q can be used: %v, as a name %v, want %v", prefix, got, n.Valid(), want)
		}
	}
}

// A value that flaps between two steps is reported once; one that moves is followed.
func TestHoursStand(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	h := func(x float64) time.Duration { return time.Duration(x * float64(time.Hour)) }
	for _, base := range []float64{0.05, 3.25, 41.55, 99.95, 100, 104.9, 105, 3500.05} {
		last, changes := HoursNear(h(base), nil), 0
		for range 1000 {
			next := HoursNear(h(base+(r.Float64()-0.5)/10), last)
			if *next != *last {
				changes++
			}
			last = next
		}
		if changes > 1 {
			t.Errorf("around %v h it changes %d times", base, changes)
		}
	}
	last := HoursNear(h(4000), nil)
	for x := 4000.0; x > 0; x -= 0.02 {
		last = HoursNear(h(x), last)
		most := 0.16
		if x > 99 {
			most = 15.1
		}
		if d := *last - x; d > most || d < -most {
			t.Fatalf("at %v h it says %v", x, *last)
		}
	}
	for x, want := range map[float64]float64{3504: 3500, 3506: 3510, 100: 100, 99.96: 100, 99.94: 99.9, 41.55: 41.6,
		0: 0} {
		if got := *Hours(h(x)); got != want {
			t.Errorf("%v h are rounded to %v, want %v", x, got, want)
		}
	}
}

// Every component has its own qos and unique_id: older versions of Home Assistant ignore the
// defaults.
func TestComponentsStandAlone(t *testing.T) {
	d := Device{Names: names, Stores: []string{"nas"}, Notes: []string{"recording-interrupted"},
		Gone: map[string]string{"store_drive": "sensor"}}
	b, err := d.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		QoS        any
		Components map[string]map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.QoS != nil {
		t.Error("qos is at the root")
	}
	for key, c := range got.Components {
		if key == "store_drive" {
			if len(c) != 1 || c["platform"] != "sensor" {
				t.Errorf("what has gone is described as %v", c)
			}
			continue
		}
		if c["qos"] != 1.0 || c["unique_id"] == "" || d.Components()[key] != c["platform"] {
			t.Errorf("%s: %v", key, c)
		}
	}
	if _, there := d.Components()["store_drive"]; there {
		t.Error("what has gone is remembered")
	}
}
