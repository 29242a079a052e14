package topic

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// edit changes one field of a state's payload; nil takes it away.
func edit(t *testing.T, key string, v any) []byte {
	t.Helper()
	b, err := whole().MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	if fields[key] = v; v == nil {
		delete(fields, key)
	}
	if v == "null" {
		fields[key] = nil
	}
	b, err = compact(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckRefusesEveryOtherState(t *testing.T) {
	for key := range stateFields {
		if names.Check(names.State(), edit(t, key, nil)) == nil {
			t.Errorf("a state without %s is taken", key)
		}
		// What may stand in remedy only the client knows, by its options.
		if names.Check(names.State(), edit(t, key, "Mrs Smith said no")) == nil && key != "remedy" {
			t.Errorf("%s takes any text", key)
		}
		if names.Check(names.State(), edit(t, key, []string{"a"})) == nil {
			t.Errorf("%s takes a list", key)
		}
		null := names.Check(names.State(), edit(t, key, "null")) == nil
		if want := key == "spool_free_h" || key == "oldest_pending_h"; null != want {
			t.Errorf("%s takes null: %v", key, null)
		}
	}
	for _, key := range []string{"party", "reason", "name", "refused", "level", "store_", "store_A", "acts"} {
		if names.Check(names.State(), edit(t, key, "ok")) == nil {
			t.Errorf("a state with %q is taken", key)
		}
	}
	for _, key := range []string{"config", "recipients"} { // fewer than 128 bits can be met by trying
		for _, hash := range []string{"", "3f2a91d0", "3f2a91d004e7", strings.Repeat("a", 31), strings.Repeat("a", 33),
			strings.Repeat("A", 32), strings.Repeat("g", 32)} {
			if names.Check(names.State(), edit(t, key, hash)) == nil {
				t.Errorf("%s takes %q", key, hash)
			}
		}
	}
	for _, remedy := range []string{strings.Repeat("x", 161), "two\nlines", "two  spaces"} {
		if names.Check(names.State(), edit(t, "remedy", remedy)) == nil {
			t.Errorf("remedy takes %q", remedy)
		}
	}
	for _, phase := range []string{"waiting", "starting", "stopping"} {
		if names.Check(names.State(), edit(t, "phase", phase)) == nil {
			t.Errorf("phase %s is taken", phase)
		}
	}
	if err := names.Check(names.State(), edit(t, "store_usb-2", "full")); err != nil {
		t.Error(err)
	}
	if names.Check(names.State(), edit(t, "pending", -1)) == nil ||
		names.Check(names.State(), edit(t, "spool_free_h", -0.1)) == nil {
		t.Error("negative numbers are taken")
	}
}

func TestCheckRefusesOtherEvents(t *testing.T) {
	good := `{"v":1,"event_id":"b-1","event_type":"ended","time":"2026-11-21T14:03:22.000Z","recording":"7q4k9mz2ha","seconds":61.2}`
	if err := names.Check(names.Event(), []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"ended"`, `"withdrawn"`}, {`"seconds":61.2`, `"reason":"withdrawn"`}, {`"seconds":61.2`, `"party":"patient"`},
		{`"seconds":61.2`, `"seconds":"long"`}, {`"seconds":61.2`, `"seconds":null`}, {`"seconds":61.2`, `"code":"x"`},
		{`"ended"`, `"started"`}, {`"b-1"`, `"b-0"`}, {`"b-1"`, `"b"`}, {`"7q4k9mz2ha"`, `"Mrs Smith"`}, {`{"v":1,`, `{`},
		{`{"v":1,`, `{ "v":1,`},
		{`{"v":1,`, `{"v":1.0,`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good || names.Check(names.Event(), []byte(bad)) == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func TestCheckKnowsItsOwnTopics(t *testing.T) {
	b, _ := whole().MarshalJSON()
	for _, topic := range []string{
		"tacet/high-street/room-4/state", "tacet/high-street/room-3/command", "tacet/high-street/room-3", "",
		"homeassistant/status",
		"homeassistant/sensor/x/config",
	} {
		if names.Check(topic, b) == nil {
			t.Errorf("%q is taken for a topic of the unit", topic)
		}
	}
	for topic, payloads := range map[string][]string{
		names.Availability(): {"", "on", "online\n", `"online"`},
		names.Heartbeat():    {"", "now", "2026-11-21"},
		names.Alert("a b"):   {"text"},
		names.Alert("a"):     {"two\nlines", strings.Repeat("x", maxAlert+1), "\xff"},
		names.Alert(""):      {"text"},
		names.Ledger(): {`{}`, `{"v":1,"time":"2026-11-21T14:03:22Z"}`,
			`{"v":1,"time":"2026-11-21T14:03:22Z","head":"Müller"}`,
			`{"v":1,"time":"2026-11-21T14:03:22Z","head":"h","acts":"x"}`},
		names.Discovery(): {`{}`, `[]`,
			`{"components":{"x":{"platform":"button","command_topic":"x"}},"device":{"identifiers":["x"]}}`},
		Names{}.Availability(): {"online"},
	} {
		for _, p := range payloads {
			if names.Check(topic, []byte(p)) == nil {
				t.Errorf("%s takes %q", topic, p)
			}
		}
	}
	for topic, payload := range map[string]string{
		names.Availability(): Online, names.Alert("a"): "", names.Heartbeat(): string(Heartbeat(time.Now())),
	} {
		if err := names.Check(topic, []byte(payload)); err != nil {
			t.Error(err)
		}
	}
}

func TestNumbersThatJSONDoesNotHave(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s := whole()
		s.SpoolFreeH, s.OldestPendingH = &f, nil
		b, err := s.MarshalJSON()
		if err != nil || !strings.Contains(string(b), `"spool_free_h":null,"pending":2,"oldest_pending_h":null`) {
			t.Errorf("%v: %s, %v", f, b, err)
		}
	}
	if h := Hours(90 * time.Minute); *h != 1.5 {
		t.Error(*h)
	}
	if s := Seconds(61*time.Second + 260*time.Millisecond); *s != 61.3 {
		t.Error(*s)
	}
}

func TestAlertIsOneLineForAPerson(t *testing.T) {
	if got := OneLine(" a\n\tb\x00\x1b c\r\nd\xff "); got != "a b c d?" {
		t.Errorf("%q", got)
	}
	for _, long := range []string{strings.Repeat("x", 2*maxAlert), strings.Repeat("ä", maxAlert),
		"x" + strings.Repeat("…", maxAlert)} {
		got := OneLine(long)
		if len(got) > maxAlert || !utf8.ValidString(got) || !strings.HasSuffix(got, "…") {
			t.Errorf("%d bytes, ends %q", len(got), got[len(got)-5:])
		}
	}
}

// TestDeviceFollowsHomeAssistantsRules holds what HA's own checks ask for.
func TestDeviceFollowsHomeAssistantsRules(t *testing.T) {
	b, err := Device{Names: names, RoomName: "Consulting room 3", Version: "1.2.3",
		Stores: []string{"drive", "nas-2"}}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var w wireDevice
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	state, _ := whole().MarshalJSON()
	var fields map[string]any
	if err := json.Unmarshal(state, &fields); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for key, c := range w.Components {
		if c.UniqueID != "tacet_high-street_room-3_"+key || ids[c.UniqueID] || c.Name == "" {
			t.Errorf("%s: unique_id %q, name %q", key, c.UniqueID, c.Name)
		}
		ids[c.UniqueID] = true
		if (c.DeviceClass == "enum") != (len(c.Options) > 0) {
			t.Errorf("%s: class %q with options %q", key, c.DeviceClass, c.Options)
		}
		if c.DeviceClass == "duration" && (c.Unit != "h" || c.StateClass != "measurement") {
			t.Errorf("%s: %+v", key, c)
		}
		if (c.Platform == "event") != (len(c.EventTypes) > 0) {
			t.Errorf("%s: event types %q", key, c.EventTypes)
		}
		if name, ok := strings.CutPrefix(c.ValueTemplate, "{{ value_json['"); ok {
			name, _, _ = strings.Cut(name, "'")
			if _, there := fields[name]; !there && name != "store_nas-2" {
				t.Errorf("%s reads %q, which no state has", key, name)
			}
		}
	}
	for _, key := range []string{"phase", "recording", "problem", "mic", "light", "clock", "spool_free_h", "pending",
		"oldest_pending_h", "alerts", "event", "store_drive", "store_nas-2"} {
		if _, there := w.Components[key]; !there {
			t.Errorf("no component %s", key)
		}
	}
	if w.AvailabilityTopic != names.Availability() || w.StateTopic != names.State() || w.Origin.Name == "" ||
		w.Device.Identifiers[0] != "tacet_high-street_room-3" {
		t.Errorf("%s", b)
	}
	if strings.Contains(string(b), "command_topic") {
		t.Error("there is something to command")
	}
	if b, _ = (Device{Names: names}).MarshalJSON(); !strings.Contains(string(b), `"name":"Tacet room-3"`) {
		t.Errorf("without a name the room's id is used: %s", b)
	}
}
