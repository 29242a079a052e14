package topictest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tacet/daemon/topic"
)

var names = topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}

// state has something in every field.
const state = `{"v":1,"boot":"b","seq":17,"time":"2026-11-21T13:03:22.123Z","version":"1.2.3","clock":"synced",` +
	`"phase":"recording","since":"2026-11-21T13:02:22.123Z","mic":"ok","light":"proved","spool_free_h":90.3,` +
	`"pending":2,"oldest_pending_h":26,"alerts":"drive-missing,spool-low","config":"3f2a91d004e7b85c6a1f0e9d8c7b6a59",` +
	`"recipients":"77aa02c3d4e5f60718293a4b5c6d7e8f","version_waiting":"1.2.4",` +
	`"unit_key":"tacet/high-street/room-3+0a1b2c3d+AQIDBA==","remedy":"Plug the drive in.","store_nas":"missing"}`

// edit changes one field of the state; nil removes it.
func edit(t *testing.T, key string, v any) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(state), &fields); err != nil {
		t.Fatal(err)
	}
	if fields[key] = v; v == nil {
		delete(fields, key)
	}
	if v == "null" {
		fields[key] = nil
	}
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCheckRejectsOtherStates(t *testing.T) {
	for key := range stateFields {
		if Check(names, names.State(), edit(t, key, nil)) == nil {
			t.Errorf("a state without %s passes", key)
		}
		// A remedy is free text.
		if Check(names, names.State(), edit(t, key, "Mrs Smith said no")) == nil && key != "remedy" {
			t.Errorf("%s may hold any text", key)
		}
		if Check(names, names.State(), edit(t, key, []string{"a"})) == nil {
			t.Errorf("%s may hold a list", key)
		}
		null := Check(names, names.State(), edit(t, key, "null")) == nil
		if want := key == "spool_free_h" || key == "oldest_pending_h"; null != want {
			t.Errorf("%s may be null: %v", key, null)
		}
	}
	for _, key := range []string{"party", "reason", "name", "refused", "level", "store_", "store_A", "acts"} {
		if Check(names, names.State(), edit(t, key, "ok")) == nil {
			t.Errorf("a state with %q passes", key)
		}
	}
	for _, key := range []string{"config", "recipients"} { // fewer than 128 bits can be searched
		for _, hash := range []string{"", "3f2a91d0", "3f2a91d004e7", strings.Repeat("a", 31), strings.Repeat("a", 33),
			strings.Repeat("A", 32), strings.Repeat("g", 32)} {
			if Check(names, names.State(), edit(t, key, hash)) == nil {
				t.Errorf("%s may be %q", key, hash)
			}
		}
	}
	for _, remedy := range []string{strings.Repeat("x", 161), "two\nlines", "two  spaces"} {
		if Check(names, names.State(), edit(t, "remedy", remedy)) == nil {
			t.Errorf("remedy may be %q", remedy)
		}
	}
	for _, phase := range []string{"waiting", "starting", "stopping"} {
		if Check(names, names.State(), edit(t, "phase", phase)) == nil {
			t.Errorf("phase %s passes", phase)
		}
	}
	if err := Check(names, names.State(), edit(t, "store_usb-2", "full")); err != nil {
		t.Error(err)
	}
	if Check(names, names.State(), edit(t, "pending", -1)) == nil ||
		Check(names, names.State(), edit(t, "spool_free_h", -0.1)) == nil {
		t.Error("negative numbers pass")
	}
}

func TestCheckRejectsOtherEvents(t *testing.T) {
	good := `{"v":1,"event_id":"b-1","event_type":"ended","time":"2026-11-21T14:03:22.000Z","recording":"7q4k9mz2ha","seconds":61.2}`
	if err := Check(names, names.Event(), []byte(good)); err != nil {
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
		if bad == good || Check(names, names.Event(), []byte(bad)) == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

func TestCheckKnowsItsOwnTopics(t *testing.T) {
	for _, name := range []string{
		"tacet/high-street/room-4/state", "tacet/high-street/room-3/command", "tacet/high-street/room-3", "",
		"homeassistant/status",
		"homeassistant/sensor/x/config",
	} {
		if Check(names, name, []byte(state)) == nil {
			t.Errorf("%q passes for a topic of the unit", name)
		}
	}
	for name, payloads := range map[string][]string{
		names.Availability(): {"", "on", "online\n", `"online"`},
		names.Heartbeat():    {"", "now", "2026-11-21"},
		names.Alert("a b"):   {"text"},
		names.Alert("a"):     {"two\nlines", strings.Repeat("x", 1001), "\xff"},
		names.Alert(""):      {"text"},
		names.Ledger(): {`{}`, `{"v":1,"time":"2026-11-21T14:03:22Z"}`,
			`{"v":1,"time":"2026-11-21T14:03:22Z","head":"Müller"}`,
			`{"v":1,"time":"2026-11-21T14:03:22Z","head":"h","acts":"x"}`},
		names.Discovery(): {`{}`, `[]`,
			`{"components":{"x":{"platform":"button","command_topic":"x"}},"device":{"identifiers":["x"]}}`},
		topic.Names{}.Availability(): {"online"},
	} {
		for _, p := range payloads {
			if Check(names, name, []byte(p)) == nil {
				t.Errorf("%s may be %q", name, p)
			}
		}
	}
	for name, payload := range map[string]string{
		names.Availability(): topic.Online, names.Alert("a"): "", names.Heartbeat(): string(topic.Heartbeat(time.Now())),
	} {
		if err := Check(names, name, []byte(payload)); err != nil {
			t.Error(err)
		}
	}
}
