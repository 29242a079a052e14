package audio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gen2brain/malgo"
)

// The rates that a configuration may have, in Hz: those that Opus supports, and the others.
var (
	opusRates  = []int{8000, 12000, 16000, 24000, 48000}
	otherRates = []int{22050, 32000, 44100, 96000}
)

// A shape is the format that a card delivers.
type shape struct {
	rate, channels int
	format         malgo.FormatType
}

// differs returns an error if the card delivers another format than the configured one, since the
// sound library would convert it silently and badly. The error names all differences at once, and a
// configuration that works: a plug PCM converts channels and samples, but not the rate, since the
// sound library forbids that unless the plug's own definition sets it.
func (got shape) differs(device string, rate, channels int) error {
	var lacks, set []string
	if got.rate != rate {
		lacks = append(lacks, fmt.Sprintf("no %d Hz, but %d", rate, got.rate))
		switch {
		case slices.Contains(opusRates, got.rate):
			set = append(set, fmt.Sprintf("rate = %d", got.rate))
		case slices.Contains(otherRates, got.rate):
			set = append(set, fmt.Sprintf(`rate = %d`, got.rate), `codec = "flac" (or "wav": Opus has no such rate)`)
		default:
			return fmt.Errorf("%w: it has %s, which no codec supports: use another microphone", ErrRate, lacks[0])
		}
	}
	plug := ""
	if got.channels != channels {
		lacks = append(lacks, fmt.Sprintf("no %d channels, but %d", channels, got.channels))
		plug = plugged(device)
	}
	if got.format != malgo.FormatS16 {
		lacks = append(lacks, "no 16-bit samples")
		plug = plugged(device)
	} else if got.channels == 1 || got.channels == 2 {
		plug = ""
		if got.channels != channels {
			set = append(set, fmt.Sprintf("channels = %d", got.channels))
		}
	}
	if plug != "" {
		set = append(set, "device = "+strconv.Quote(plug))
	}
	if lacks == nil {
		return nil
	}
	if set == nil {
		return fmt.Errorf("%w: it has %s: use another microphone", ErrRate, strings.Join(lacks, ", "))
	}
	return fmt.Errorf("%w: it has %s: write %s", ErrRate, strings.Join(lacks, ", "), strings.Join(set, " and "))
}

// plugged returns the PCM that converts for a device. It is empty if the device is such a PCM
// already.
func plugged(device string) string {
	switch {
	case strings.HasPrefix(device, "plug"):
		return ""
	case strings.HasPrefix(device, "hw:"):
		return "plug" + device
	}
	return "plug:'" + device + "'"
}
