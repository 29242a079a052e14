package audio

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gen2brain/malgo"
)

// The rates that a configuration may ask for: Opus knows five.
var (
	opusRates  = []int{8000, 12000, 16000, 24000, 48000}
	otherRates = []int{22050, 32000, 44100, 96000}
)

// A shape is what a card delivers.
type shape struct {
	rate, channels int
	format         malgo.FormatType
}

// differs says what to write in the configuration where the card delivers something else than was
// asked for: the sound library would convert it silently, and badly. All of it is said at once, and
// it works: a plug converts channels and samples, but the rate only where its own definition says
// so, since the sound library forbids it to.
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
			return fmt.Errorf("%w: it has %s, which no recording can have: use another microphone", ErrRate, lacks[0])
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

// plugged is the PCM that converts what a device has; "": the device is one that does, and had
// nothing to convert to.
func plugged(device string) string {
	switch {
	case strings.HasPrefix(device, "plug"):
		return ""
	case strings.HasPrefix(device, "hw:"):
		return "plug" + device
	}
	return "plug:'" + device + "'"
}
