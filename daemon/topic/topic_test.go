package topic

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

var names = Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}

// whole is a state with something in each field.
func whole() State {
	at := time.Date(2026, 11, 21, 14, 3, 22, 123456789, time.FixedZone("", 3600))
	return State{
		Boot: "7q4k9mz2ha", Seq: 17, Time: at, Version: "1.2.3", Clock: ClockSynced, Phase: Recording,
		Since: at.Add(-time.Minute), Mic: MicOK, Light: LightProved, SpoolFreeH: Hours(90*time.Hour + 15*time.Minute),
		Pending: 2, OldestPendingH: Hours(26 * time.Hour), Alerts: []string{"spool-low", "drive-missing"},
		Config: "3f2a91d004e7b85c6a1f0e9d8c7b6a59", Recipients: "77aa02c3d4e5f60718293a4b5c6d7e8f",
		VersionWaiting: "1.2.4", UnitKey: "tacet/high-street/room-3+0a1b2c3d+AQIDBA==", Remedy: "Plug the drive in.",
		Stores: map[string]Store{"nas": StoreMissing, "drive": StoreOK},
	}
}

// TestGolden fixes every payload to the letter: other people's programs read them.
func TestGolden(t *testing.T) {
	at := whole().Time
	empty := State{Boot: "b", Seq: 1, Time: at, Version: "dev", Clock: ClockUnsynced, Phase: Idle, Since: at,
		Mic: MicMissing, Light: LightUnproved,
		Config: whole().Config, Recipients: whole().Recipients}
	tests := []struct {
		file, topic string
		payload     json.Marshaler
	}{
		{"state.json", names.State(), whole()},
		{"state-empty.json", names.State(), empty},
		{"event-started.json", names.Event(), Event{ID: EventID("b", 1), Type: Started, Time: at, Recording: "7q4k9mz2ha"}},
		{"event-ended.json", names.Event(),
			Event{ID: EventID("b", 2), Type: Ended, Time: at, Recording: "7q4k9mz2ha",
				Seconds: Seconds(61*time.Second + 234*time.Millisecond)}},
		{"event-copied.json", names.Event(),
			Event{ID: EventID("b", 3), Type: Copied, Time: at, Recording: "7q4k9mz2ha", Store: "nas"}},
		{"event-released.json", names.Event(), Event{ID: EventID("b", 4), Type: Released, Time: at, Recording: "7q4k9mz2ha"}},
		{"event-fault.json", names.Event(),
			Event{ID: EventID("b", 5), Type: Faulted, Time: at, Code: "drive-missing", Store: "drive"}},
		{"event-cleared.json", names.Event(), Event{ID: EventID("b", 6), Type: Cleared, Time: at, Code: "drive-missing"}},
		{"ledger.json", names.Ledger(),
			Ledger{Time: at, Head: "tacet/high-street/room-3\n12\nq83v+/==\n\n— tacet/high-street/room-3 AAAA\n"}},
		{"ledger-recording.json", names.Ledger(),
			Ledger{Time: at, Head: "h\n", Recording: "7q4k9mz2ha",
				Checkpoint: "tacet/high-street/room-3/7q4k9mz2ha\n3\nAAAA\n\n— x AAAA\n"}},
		{"device.json", names.Discovery(),
			Device{Names: names, RoomName: `Smith & Sons' "blue" room`, Version: "1.2.3", Stores: []string{"drive", "nas"},
				Notes: []string{"recording-interrupted"}}},
		{"device-gone.json", names.Discovery(),
			Device{Names: names, Stores: []string{"nas"}, Gone: map[string]string{"store_drive": "sensor"}}},
	}
	for _, test := range tests {
		got, err := test.payload.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := names.Check(test.topic, got); err != nil {
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

// TestDeclaredFields is the schema of all that a unit publishes. Whoever adds a field adds it here
// too, and has thought of promise 8 and rule R13: never a party, a reason, a name, a refusal or a
// level.
func TestDeclaredFields(t *testing.T) {
	for what, test := range map[string]struct {
		declared map[string]field
		want     string
	}{
		"state":  {stateFields, "alerts boot clock config light mic oldest_pending_h pending phase recipients remedy seq since spool_free_h time unit_key v version version_waiting"},
		"event":  {eventFields, "code event_id event_type recording seconds store time v"},
		"ledger": {ledgerFields, "checkpoint head recording time v"},
	} {
		if got := strings.Join(sortedKeys(test.declared), " "); got != test.want {
			t.Errorf("%s declares %s, want %s", what, got, test.want)
		}
	}
	// And the types have no others.
	for _, test := range []struct {
		wire     any
		declared map[string]field
	}{{wireState{}, stateFields}, {wireEvent{}, eventFields}, {wireLedger{}, ledgerFields}} {
		typ, got := reflect.TypeOf(test.wire), []string(nil)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			got = append(got, name)
		}
		slices.Sort(got)
		if want := sortedKeys(test.declared); !slices.Equal(got, want) {
			t.Errorf("%v has the fields %q, declared are %q", typ, got, want)
		}
	}
	for list, want := range map[string][]string{
		"idle recording fault":                        phases,
		"synced unsynced":                             clocks,
		"ok missing fault untried":                    mics,
		"proved unproved":                             lights,
		"ok missing full readonly error":              storeStates,
		"started ended copied released fault cleared": eventTypes,
	} {
		if !slices.Equal(strings.Fields(list), want) {
			t.Errorf("values %q, want %s", want, list)
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
	none := Names{Site: "a", Room: "b"}
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
	if s, r, n, ok := Split("tacet/a/b/alert/c"); s != "a" || r != "b" || n != "alert/c" || !ok {
		t.Error(s, r, n, ok)
	}
	for _, bad := range []string{"", "tacet", "tacet/a/b", "tacet/A/b/state", "tacet//b/state", "x/a/b/state"} {
		if _, _, _, ok := Split(bad); ok {
			t.Errorf("%q is taken for a unit's topic", bad)
		}
	}
}

func TestWhatWasWrittenIsRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := rapid.Ptr(rapid.Custom(func(t *rapid.T) float64 {
			return float64(rapid.IntRange(0, 1e6).Draw(t,
				"tenths")) / 10
		}), true)
		code := rapid.StringMatching(`[a-z0-9][a-z0-9_-]{0,9}`)
		at := rapid.Custom(func(t *rapid.T) time.Time {
			return time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "ms")).UTC()
		})
		s := State{
			Boot: rapid.StringMatching(`[A-Za-z0-9-]{1,20}`).Draw(t, "boot"), Seq: rapid.Uint64Range(0, 1<<62).Draw(t, "seq"),
			Time: at.Draw(t, "time"), Since: at.Draw(t, "since"), Version: "1", Clock: ClockSynced,
			Phase: rapid.SampledFrom([]Phase{Idle, Recording, Fault}).Draw(t, "phase"), Mic: MicFault, Light: LightUnproved,
			Config: rapid.StringMatching(`[0-9a-f]{32}`).Draw(t, "config"), Recipients: RecipientsHash(nil),
			SpoolFreeH: hours.Draw(t, "free"), Pending: rapid.IntRange(0, 1e9).Draw(t, "pending"),
			OldestPendingH: hours.Draw(t, "oldest"),
			Alerts:         rapid.SliceOfNDistinct(code, 0, 5, rapid.ID[string]).Draw(t, "alerts"),
			Stores:         rapid.MapOfN(code, rapid.SampledFrom([]Store{StoreOK, StoreFull}), 0, 4).Draw(t, "stores"),
		}
		b, err := s.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if err := names.Check(names.State(), b); err != nil {
			t.Fatal(err)
		}
		var got State
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
			t.Fatalf("%+v was read as %+v", s, got)
		}
		e := Event{ID: EventID(s.Boot, s.Seq+1), Type: Ended, Time: s.Time, Recording: "r1", Seconds: s.SpoolFreeH}
		var gotE Event
		if b, err = e.MarshalJSON(); err != nil || gotE.UnmarshalJSON(b) != nil || !reflect.DeepEqual(gotE, e) {
			t.Fatalf("%+v was read as %+v", e, gotE)
		}
		l := Ledger{Time: s.Time, Head: "a\n— b c\n", Recording: "r", Checkpoint: "d\n"}
		var gotL Ledger
		if b, err = l.MarshalJSON(); err != nil || gotL.UnmarshalJSON(b) != nil || gotL != l {
			t.Fatalf("%+v was read as %+v", l, gotL)
		}
	})
}

func TestReadersAreToldOfWhatTheyCantRead(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{}`, `{"v":2,"time":"2026-11-21T14:03:22Z"}`, `{"v":1,"time":"yesterday"}`} {
		if (&State{}).UnmarshalJSON([]byte(bad)) == nil || (&Event{}).UnmarshalJSON([]byte(bad)) == nil ||
			(&Ledger{}).UnmarshalJSON([]byte(bad)) == nil {
			t.Errorf("%q was read", bad)
		}
	}
	// A newer unit may say more.
	var s State
	b, _ := whole().MarshalJSON()
	more := strings.Replace(string(b), `"v":1`, `"v":1,"colour":"blue","store_count":3`, 1)
	if err := s.UnmarshalJSON([]byte(more)); err != nil || len(s.Stores) != 2 {
		t.Errorf("%v, %v", err, s.Stores)
	}
}
