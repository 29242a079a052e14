package audio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// sysfs lists the sound cards. /proc/asound is hidden from a service that may see only its own
// processes.
const sysfs = "/sys/class/sound"

// A Card is a sound card that can capture.
type Card struct {
	Number int    // may change at every boot
	ID     string // stable: the name to use
	PCMs   []int  // its capture devices
}

// Device is the ALSA name of one of the card's capture devices. It does not depend on the card's
// number.
func (c Card) Device(pcm int) string { return fmt.Sprintf("hw:CARD=%s,DEV=%d", c.ID, pcm) }

// Cards lists the sound cards that can capture, without opening any.
func Cards() ([]Card, error) { return cards(os.DirFS(sysfs)) }

func cards(sys fs.FS) ([]Card, error) {
	entries, err := fs.ReadDir(sys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no sound driver
	}
	if err != nil {
		return nil, fmt.Errorf("list sound cards: %w", err)
	}
	var list []Card
	for _, e := range entries {
		var c Card
		if n, _ := fmt.Sscanf(e.Name(), "card%d", &c.Number); n != 1 || e.Name() != fmt.Sprintf("card%d", c.Number) {
			continue
		}
		id, err := fs.ReadFile(sys, e.Name()+"/id")
		if err != nil {
			continue // just unplugged
		}
		c.ID = strings.TrimSpace(string(id))
		for _, e := range entries {
			var card, pcm int
			if n, _ := fmt.Sscanf(e.Name(), "pcmC%dD%dc", &card, &pcm); n == 2 && card == c.Number &&
				strings.HasSuffix(e.Name(), "c") {
				c.PCMs = append(c.PCMs, pcm)
			}
		}
		if len(c.PCMs) > 0 {
			slices.Sort(c.PCMs)
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b Card) int { return a.Number - b.Number })
	return list, nil
}

// Present reports, without opening it, whether the microphone is present: an error that wraps
// ErrMissing says why not. known is false if the name doesn't identify a card, such as a PCM
// defined in asound.conf: then only Open can tell.
func (m *Mic) Present() (known bool, err error) { return present(os.DirFS(sysfs), m.device) }

func present(sys fs.FS, device string) (known bool, err error) {
	card, pcm, ok := cardOf(device)
	if !ok {
		return false, nil
	}
	list, err := cards(sys)
	if err != nil {
		return true, err
	}
	var ids []string
	for _, c := range list {
		ids = append(ids, c.ID)
		if c.ID != card && strconv.Itoa(c.Number) != card {
			continue
		}
		if !slices.Contains(c.PCMs, pcm) {
			return true, fmt.Errorf("microphone %s: %w: card %s has no capture device %d", device, ErrMissing, c.ID, pcm)
		}
		return true, nil
	}
	if ids == nil {
		return true, fmt.Errorf("microphone %s: %w: no card is plugged in", device, ErrMissing)
	}
	return true, fmt.Errorf("microphone %s: %w: there are %s", device, ErrMissing, strings.Join(ids, ", "))
}

// cardOf finds the card (its ID or number) and the capture device in an ALSA name such as
// hw:CARD=Device,DEV=0, plughw:1,0, sysdefault:CARD=Device or plug:'dsnoop:CARD=Device'. ok is
// false for a PCM that names no card.
func cardOf(device string) (card string, pcm int, ok bool) {
	kind, args, found := strings.Cut(device, ":")
	if !found {
		return "", 0, false
	}
	if kind == "plug" { // it wraps another PCM
		return cardOf(unquote(strings.TrimPrefix(args, "SLAVE=")))
	}
	if !slices.Contains(cardPCMs, kind) {
		return "", 0, false
	}
	for i, arg := range strings.Split(args, ",") {
		key, value, named := strings.Cut(arg, "=")
		if !named {
			key, value = [...]string{"CARD", "DEV", "SUBDEV"}[min(i, 2)], arg
		}
		switch key = strings.TrimSpace(key); key {
		case "CARD":
			card = unquote(value)
		case "DEV":
			n, err := strconv.Atoi(value)
			if err != nil {
				return "", 0, false
			}
			pcm = n
		}
	}
	return card, pcm, card != ""
}

// Mixer is the ALSA name of the mixer that belongs to a PCM: its card's or, if the PCM names no
// card, the one that asound.conf defines under the same name.
func Mixer(device string) string {
	if card, _, ok := cardOf(device); ok {
		return "hw:CARD=" + card
	}
	return device
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '\'' || s[0] == '"') {
		return s[1 : n-1]
	}
	return s
}

// cardPCMs are the PCMs that alsa-lib's default configuration defines with the arguments CARD and
// DEV, in that order. An asound.conf may redefine them.
var cardPCMs = []string{
	"hw", "plughw", "default", "sysdefault", "dsnoop", "dmix", "front", "rear", "center_lfe", "side", "iec958", "spdif",
	"hdmi", "modem",
	"phoneline", "usbstream", "surround21", "surround40", "surround41", "surround50", "surround51", "surround71",
}
