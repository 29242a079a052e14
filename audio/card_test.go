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
	if c := list[0]; c.ID != "Device" || c.Number != 11 || len(c.PCMs) != 2 || c.Device(c.PCMs[1]) != "hw:CARD=Device,DEV=2" {
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
		// Names that say nothing about a card.
		"default":              "",
		"room":                 "",
		"pulse:x":              "",
		"plug:'hw:CARD=Other'": "",
		"hw:CARD=Device,DEV=x": "",
		"":                     "",
	} {
		_, err := present(twoCards, device)
		if want == "" && err == nil {
			continue
		}
		if err == nil || want == "" || !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", device, err, want)
		}
	}
	if _, err := present(fstest.MapFS{}, "hw:0"); !errors.Is(err, ErrMissing) {
		t.Errorf("without any card: %v", err)
	}
}
