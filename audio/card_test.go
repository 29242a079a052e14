package audio

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"
)

// A machine with an onboard card that only plays, and a USB microphone.
var twoCards = fstest.MapFS{
	"card0/id":        {Data: []byte("PCH\n")},
	"card0/pcmC0D0p":  {},
	"pcmC0D0p/dev":    {},
	"card11/id":       {Data: []byte("Device\n")},
	"pcmC11D0c/dev":   {},
	"pcmC11D2c/dev":   {},
	"controlC0/dev":   {},
	"controlC11/dev":  {},
	"timer/dev":       {},
	"seq/dev":         {},
	"card11x/id":      {Data: []byte("no\n")},
	"pcmC11D0cx/dev":  {},
	"card11/pcmC11D0": {},
}

func TestCardsListsWhatCanCapture(t *testing.T) {
	list, err := cards(twoCards)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	if c := list[0]; c.ID != "Device" || c.Number != 11 || len(c.PCMs) != 2 ||
		c.Device(c.PCMs[1]) != "hw:CARD=Device,DEV=2" {
		t.Errorf("%+v", c)
	}
	if list, err := cards(fstest.MapFS{}); err != nil || list != nil {
		t.Errorf("%+v, %v without any card", list, err)
	}
}

func TestPresent(t *testing.T) {
	for device, want := range map[string]string{
		"hw:CARD=Device,DEV=0":          "",
		"hw:CARD=Device":                "",
		"hw:DEV=2,CARD=Device":          "",
		"plughw:CARD=Device,DEV=0":      "",
		"hw:Device":                     "",
		"hw:11":                         "",
		"hw:11,2":                       "",
		"hw:11,0,0":                     "",
		"hw:CARD=Device,DEV=0,SUBDEV=1": "",
		"hw:CARD=Device,DEV=1":          "card Device has no capture device 1",
		"hw:CARD=PCH,DEV=0":             "there are Device",
		"plughw:0,0":                    "there are Device",
		"hw:1":                          "there are Device",
		"sysdefault:CARD=Device":        "",
		"sysdefault:CARD=Other":         "there are Device",
		"dsnoop:CARD=Device,DEV=2":      "",
		"dsnoop:CARD=Other,DEV=0":       "there are Device",
		"dsnoop:Device,1":               "card Device has no capture device 1",
		"front:CARD=Other,DEV=0":        "there are Device",
		"front:11":                      "",
		"default:CARD=Other":            "there are Device",
		"default:CARD=Device":           "",
		"usbstream:CARD=Other":          "there are Device",
		"hw:2,0":                        "there are Device",
		"plug:'hw:CARD=Other'":          "there are Device",
		"plug:'hw:CARD=Device,DEV=2'":   "",
		"plug:SLAVE=\"hw:CARD=Other\"":  "there are Device",
		"plug:hw:1":                     "there are Device",
		"hw:CARD='Device',DEV=0":        "",
		// Names that identify no card.
		"default":              "",
		"room":                 "",
		"pulse:x":              "",
		"plug:room":            "",
		"plug:'room'":          "",
		"sysdefault":           "",
		"dsnoop":               "",
		"hw:CARD=Device,DEV=x": "",
		"":                     "",
	} {
		known, err := present(twoCards, device)
		if _, _, tells := cardOf(device); known != tells {
			t.Errorf("%s: known %v", device, known)
		}
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", device, err, want)
		}
	}
	for _, device := range []string{"room", "default", "plug:room", "pulse:x"} {
		if known, err := present(twoCards, device); known || err != nil {
			t.Errorf("%s: %v, %v: nothing says which card that is", device, known, err)
		}
	}
	for _, device := range []string{"hw:0", "hw:CARD=Device", "sysdefault:CARD=Device", "dsnoop:CARD=Device,DEV=0",
		"plug:'hw:CARD=Device'"} {
		if known, err := present(twoCards, device); !known && err == nil {
			t.Errorf("%s: it is not known whether its card is there", device)
		}
	}
	if _, err := present(fstest.MapFS{}, "hw:0"); !errors.Is(err, ErrMissing) {
		t.Errorf("without any card: %v", err)
	}
}
