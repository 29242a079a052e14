package topic_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var names = topic.Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}

// whole is a state with something in every field.
func whole() topic.State {
	at := time.Date(2026, 11, 21, 14, 3, 22, 123456789, time.FixedZone("", 3600))
	return topic.State{
		Boot: "7q4k9mz2ha", Seq: 17, Time: at, Version: "1.2.3", Clock: topic.ClockSynced, Phase: topic.Recording,
		Since: at.Add(-time.Minute), Mic: topic.MicOK, Light: topic.LightProved,
		SpoolFreeH: topic.Hours(90*time.Hour + 15*time.Minute),
		Pending:    2, OldestPendingH: topic.Hours(26 * time.Hour), Alerts: []string{"spool-low", "drive-missing"},
		Config: "3f2a91d004e7b85c6a1f0e9d8c7b6a59", Recipients: "77aa02c3d4e5f60718293a4b5c6d7e8f",
		VersionWaiting: "1.2.4", UnitKey: "tacet/high-street/room-3+0a1b2c3d+AQIDBA==", Remedy: "Plug the drive in.",
		Stores: map[string]topic.Store{"nas": topic.StoreMissing, "drive": topic.StoreOK},
	}
}

// Every payload is fixed to the letter: other programs read them.
func TestGolden(t *testing.T) {
	at := whole().Time
	empty := topic.State{Boot: "b", Seq: 1, Time: at, Version: "dev", Clock: topic.ClockUnsynced, Phase: topic.Idle,
		Since: at,
		Mic:   topic.MicMissing, Light: topic.LightUnproved,
		Config: whole().Config, Recipients: whole().Recipients}
	tests := []struct {
		file, name string
		payload    json.Marshaler
	}{
		{"state.json", names.State(), whole()},
		{"state-empty.json", names.State(), empty},
		{"event-started.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 1), Type: topic.Started, Time: at, Recording: "7q4k9mz2ha"}},
		{"event-ended.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 2), Type: topic.Ended, Time: at, Recording: "7q4k9mz2ha",
				Seconds: topic.Seconds(61*time.Second + 234*time.Millisecond)}},
		{"event-copied.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 3), Type: topic.Copied, Time: at, Recording: "7q4k9mz2ha", Store: "nas"}},
		{"event-released.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 4), Type: topic.Released, Time: at, Recording: "7q4k9mz2ha"}},
		{"event-fault.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 5), Type: topic.Faulted, Time: at, Code: "drive-missing", Store: "drive"}},
		{"event-cleared.json", names.Event(),
			topic.Event{ID: topic.EventID("b", 6), Type: topic.Cleared, Time: at, Code: "drive-missing"}},
		{"ledger.json", names.Ledger(),
			topic.Ledger{Time: at, Head: "tacet/high-street/room-3\n12\nq83v+/==\n\n— tacet/high-street/room-3 AAAA\n"}},
		{"ledger-recording.json", names.Ledger(),
			topic.Ledger{Time: at, Head: "h\n", Recording: "7q4k9mz2ha",
				Checkpoint: "tacet/high-street/room-3/7q4k9mz2ha\n3\nAAAA\n\n— x AAAA\n"}},
		{"device.json", names.Discovery(),
			topic.Device{Names: names, RoomName: `Smith & Sons' "blue" room`, Version: "1.2.3", Stores: []string{"drive", "nas"},
				Notes: []string{"recording-interrupted"}}},
		{"device-gone.json", names.Discovery(),
			topic.Device{Names: names, Stores: []string{"nas"}, Gone: map[string]string{"store_drive": "sensor"}}},
	}
	for _, test := range tests {
		got, err := test.payload.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := topictest.Check(names, test.name, got); err != nil {
			t.Error(err)
		}
		file := "testdata/" + test.file
		if *update {
			if err := os.WriteFile(file, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(append(got, '\n'), want) {
			t.Errorf("%s is now\n%s\nwas\n%s", test.file, got, want)
		}
	}
}

func TestNamesOfTheContract(t *testing.T) {
	for got, want := range map[string]string{
		names.Availability():       "tacet/high-street/room-3/availability",
		names.State():              "tacet/high-street/room-3/state",
		names.Heartbeat():          "tacet/high-street/room-3/heartbeat",
		names.Event():              "tacet/high-street/room-3/event",
		names.Alert("mic-missing"): "tacet/high-street/room-3/alert/mic-missing",
		names.Ledger():             "tacet/high-street/room-3/ledger",
		names.Discovery():          "homeassistant/device/tacet_high-street_room-3/config",
		names.Birth():              "homeassistant/status",
		names.ClientID():           "tacet-high-street-room-3",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	none := topic.Names{Site: "a", Room: "b"}
	if none.Discovery() != "" || none.Birth() != "" {
		t.Error("without a prefix there is no discovery")
	}
	if got := none.Retained([]string{"x"}); !slices.Equal(got,
		[]string{"tacet/a/b/availability", "tacet/a/b/state", "tacet/a/b/ledger", "tacet/a/b/alert/x"}) {
		t.Errorf("retained: %q", got)
	}
	if got := names.Retained(nil); !slices.Contains(got, names.Discovery()) {
		t.Errorf("retained: %q", got)
	}
}

func TestSplit(t *testing.T) {
	if s, r, n, ok := topic.Split("tacet/a/b/alert/c"); s != "a" || r != "b" || n != "alert/c" || !ok {
		t.Error(s, r, n, ok)
	}
	for _, bad := range []string{"", "tacet", "tacet/a/b", "tacet/A/b/state", "tacet//b/state", "x/a/b/state"} {
		if _, _, _, ok := topic.Split(bad); ok {
			t.Errorf("%q passes for a unit's topic", bad)
		}
	}
}

func TestPayloadsSurviveARoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.Ptr(rapid.Custom(func(t *rapid.T) float64 {
			return float64(rapid.IntRange(0, 1e6).Draw(t,
				"tenths")) / 10
		}), true)
		code := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,9}`)
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms")).UTC()
		})
		s := topic.State{
			Boot: rapid.StringMatching(`[A-Za-z0-9-]{1,20}`).Draw(t, "boot"), Seq: rapid.Uint64Range(0, 1<<62).Draw(t, "seq"),
			Time: at.Draw(t, "time"), Since: at.Draw(t, "since"), Version: "1", Clock: topic.ClockSynced,
			Phase: rapid.SampledFrom([]topic.Phase{topic.Idle, topic.Recording, topic.Fault}).Draw(t, "phase"),
			Mic:   topic.MicFault, Light: topic.LightUnproved,
			Config: rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "config"), Recipients: topic.RecipientsHash(nil),
			SpoolFreeH: hours.Draw(t, "free"), Pending: rapid.IntRange(0, 1e9).Draw(t, "pending"),
			OldestPendingH: hours.Draw(t, "oldest"),
			Alerts:         rapid.SliceOfNDistinct(code, 0, 5, rapid.ID[string]).Draw(t, "alerts"),
			Stores: rapid.MapOfN(code, rapid.SampledFrom([]topic.Store{topic.StoreOK, topic.StoreFull}), 0, 4).Draw(t,
				"stores"),
		}
		b, err := s.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := topictest.Check(names, names.State(), b); err != nil {
			t.Fatal(err)
		}
		var got topic.State
		if err := got.UnmarshalJSON(b); err != nil {
			t.Fatal(err)
		}
		slices.Sort(s.Alerts)
		if len(s.Alerts) == 0 {
			s.Alerts = nil
		}
		if len(s.Stores) == 0 {
			s.Stores = nil
		}
		if !reflect.DeepEqual(got, s) {
			t.Fatalf("%+v became %+v", s, got)
		}
		e := topic.Event{ID: topic.EventID(s.Boot, s.Seq+1), Type: topic.Ended, Time: s.Time, Recording: "r1",
			Seconds: s.SpoolFreeH}
		var gotE topic.Event
		if b, err = e.MarshalJSON(); err != nil || gotE.UnmarshalJSON(b) != nil || !reflect.DeepEqual(gotE, e) {
			t.Fatalf("%+v became %+v", e, gotE)
		}
		l := topic.Ledger{Time: s.Time, Head: "a\n— b c\n", Recording: "r", Checkpoint: "d\n"}
		var gotL topic.Ledger
		if b, err = l.MarshalJSON(); err != nil || gotL.UnmarshalJSON(b) != nil || gotL != l {
			t.Fatalf("%+v became %+v", l, gotL)
		}
	})
}

func TestReadersRejectWhatTheyCannotRead(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{}`, `{"v":2,"time":"2026-11-21T14:03:22Z"}`, `{"v":1,"time":"yesterday"}`} {
		if (&topic.State{}).UnmarshalJSON([]byte(bad)) == nil || (&topic.Event{}).UnmarshalJSON([]byte(bad)) == nil ||
			(&topic.Ledger{}).UnmarshalJSON([]byte(bad)) == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	// A newer unit may have more fields.
	var s topic.State
	b, _ := whole().MarshalJSON()
	more := strings.Replace(string(b), `"v":1`, `"v":1,"colour":"blue","store_count":3`, 1)
	if err := s.UnmarshalJSON([]byte(more)); err != nil || len(s.Stores) != 2 {
		t.Errorf("%v, %v", err, s.Stores)
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
	if h := topic.Hours(90 * time.Minute); *h != 1.5 {
		t.Error(*h)
	}
	if s := topic.Seconds(61*time.Second + 260*time.Millisecond); *s != 61.3 {
		t.Error(*s)
	}
}

// The description meets what Home Assistant itself checks.
func TestDeviceFollowsHomeAssistantsRules(t *testing.T) {
	b, err := topic.Device{Names: names, RoomName: "Consulting room 3", Version: "1.2.3",
		Stores: []string{"drive", "nas-2"}}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var w topictest.Description
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
		t.Error("a component takes commands")
	}
	if b, _ = (topic.Device{Names: names}).MarshalJSON(); !strings.Contains(string(b), `"name":"Tacet room-3"`) {
		t.Errorf("without a name it should use the room's id: %s", b)
	}
}
