package topic

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var names = Names{Site: "high-street", Room: "room-3", HomeAssistant: "homeassistant"}

// Every field and every value that a unit publishes. Before you add one, consider what it reveals:
// never a party, a reason, a name, a refusal or a level.
func TestDeclaredFields(t *testing.T) {
	for _, test := range []struct {
		wire any
		want string
	}{
		{wireState{}, "alerts boot clock config light mic oldest_pending_h pending phase recipients remedy seq since spool_free_h time unit_key v version version_waiting"},
		{wireEvent{}, "code event_id event_type recording seconds store time v"},
		{wireLedger{}, "checkpoint head recording time v"},
	} {
		typ, got := reflect.TypeOf(test.wire), []string(nil)
		for i := range typ.NumField() {
			name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			got = append(got, name)
		}
		slices.Sort(got)
		if want := strings.Fields(test.want); !slices.Equal(got, want) {
			t.Errorf("%v has the fields %q, want %q", typ, got, want)
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
