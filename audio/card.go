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

// sysfs is where the kernel lists sound cards: /proc/asound is not there for a service that may see
// its own processes only.
const sysfs = "/sys/class/sound"

// A Card is a sound card that can capture.
type Card struct {
	Number int    // moves from boot to boot
	ID     string // stays: the name to use
	PCMs   []int  // its capture devices
}

// Device is the name under which ALSA opens one of the card's capture devices, whatever number the
// card has got.
func (c Card) Device(pcm int) string { return fmt.Sprintf("hw:CARD=%s,DEV=%d", c.ID, pcm) }

// Cards lists the sound cards that can capture. It opens none.
func Cards() ([]Card, error) { return cards(os.DirFS(sysfs)) }

func cards(sys fs.FS) ([]Card, error) {
	entries, err := fs.ReadDir(sys, ".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no sound driver at all
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

// Present tells, opening nothing, why the microphone can't be there: an error that wraps
// ErrMissing. It is not known where the name doesn't tell the card, as one of asound.conf's own:
// then only Open can say.
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
	var there []string
	for _, c := range list {
		there = append(there, c.ID)
		if c.ID != card && strconv.Itoa(c.Number) != card {
			continue
		}
		if !slices.Contains(c.PCMs, pcm) {
			return true, fmt.Errorf("microphone %s: %w: card %s has no capture device %d", device, ErrMissing, c.ID, pcm)
		}
		return true, nil
	}
	if there == nil {
		return true, fmt.Errorf("microphone %s: %w: no card is plugged in", device, ErrMissing)
	}
	return true, fmt.Errorf("microphone %s: %w: there are %s", device, ErrMissing, strings.Join(there, ", "))
}

// cardOf takes the card (its ID or number) and the capture device out of an ALSA name such as
// hw:CARD=Device,DEV=0, plughw:1,0, sysdefault:CARD=Device or plug:'dsnoop:CARD=Device'. It is
// false for a PCM that names no card.
func cardOf(device string) (card string, pcm int, ok bool) {
	kind, args, found := strings.Cut(device, ":")
	if !found {
		return "", 0, false
	}
	if kind == "plug" { // it wraps another PCM
		return cardOf(unquoted(strings.TrimPrefix(args, "SLAVE=")))
	}
	if !slices.Contains(onCards, kind) {
		return "", 0, false
	}
	for i, arg := range strings.Split(args, ",") {
		key, value, named := strings.Cut(arg, "=")
		if !named {
			key, value = [...]string{"CARD", "DEV", "SUBDEV"}[min(i, 2)], arg
		}
		switch key = strings.TrimSpace(key); key {
		case "CARD":
			card = unquoted(value)
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

func unquoted(s string) string {
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && s[0] == s[n-1] && (s[0] == '\'' || s[0] == '"') {
		return s[1 : n-1]
	}
	return s
}

// onCards are the PCMs that alsa-lib's own configuration defines with the arguments CARD and DEV,
// in that order. A machine's own asound.conf may say otherwise; whoever does that knows it.
var onCards = []string{
	"hw", "plughw", "default", "sysdefault", "dsnoop", "dmix", "front", "rear", "center_lfe", "side", "iec958", "spdif",
	"hdmi", "modem",
	"phoneline", "usbstream", "surround21", "surround40", "surround41", "surround50", "surround51", "surround71",
}
