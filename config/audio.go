package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

var (
	opusRates  = []int{8000, 12000, 16000, 24000, 48000}
	otherRates = []int{8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000}
)

// What the encoder takes, in bits a second: a packet of 20 ms has 15 to 640 bytes.
// cmd/bounds_test.go compares the two.
const (
	leastBitrate = 6000
	mostBitrate  = 256000
)

// maxWAV is how many bytes a WAV file can say that it holds, less some for its header.
const maxWAV = 1<<32 - 64

// byNumber finds, also within another ("plug:'hw:1,0'"), an ALSA name that counts cards: the count
// changes with the order in which they are found. The card is the first argument, or any that is
// called CARD. Without an argument hw is the first card.
var byNumber = regexp.MustCompile(`(?:^|[:='"])(?:` +
	`((?:plug)?hw|default|sysdefault|front|rear|side|center_lfe|surround[0-9]+|iec958|spdif|hdmi|modem|dmix|dsnoop):(?:(?:[A-Z]+=[^,'"]*,)*CARD=)?[0-9]+` +
	`|((?:plug)?hw):?)(?:[,'"]|$)`)

func (c *checker) audio(cfg *Config) {
	c.missing("audio", "the section is missing", `write [audio], and below it device = "hw:CARD=Device,DEV=0"`)
	b := c.block("audio")
	b.require("device", `"hw:CARD=Device,DEV=0"; tacetd doctor lists the names`)
	a := &cfg.Audio
	a.Device = b.text("device", "", 255)
	if v := b.t.keys["device"]; v != nil && v.kind == aText && strings.TrimSpace(v.text) == "" {
		b.fail("device", "is empty", `write the microphone's ALSA name, as in "hw:CARD=Device,DEV=0"; tacetd doctor lists them`)
	}
	b.noOdd("device", a.Device)
	if m := byNumber.FindStringSubmatch(a.Device); m != nil {
		b.warn("device", shown(a.Device)+" counts cards, and the count can change at each boot",
			fmt.Sprintf(`write the card's name, as in "%s:CARD=Device,DEV=0"; tacetd doctor lists them`, m[1]+m[2]))
	}

	a.Codec = b.choice("codec", Opus, Opus, FLAC, WAV)
	a.Rate, a.Channels = b.rate(a.Codec), 1
	if n, ok := b.number("channels", 1); ok {
		if a.Channels = n; n != 1 && n != 2 {
			b.fail("channels", fmt.Sprintf("there can't be %d", n), "write 1 or 2")
		}
	}
	if a.Codec == FLAC {
		b.warn("codec", "the sizes of flac's segments tell how loud the room was, to anybody who sees the file",
			`write "opus", whose segments are all of one size, or "wav"`)
	}
	if perSecond := int64(a.Rate) * int64(a.Channels) * 2; a.Codec == WAV &&
		int64(cfg.Consent.Max.Seconds())*perSecond > maxWAV {
		fits := time.Duration(maxWAV/perSecond) * time.Second
		b.warn("codec", fmt.Sprintf("a recording of %s, as long as max lets it be, is larger than 4 GiB, and no WAV file can say how long it is then", spell(cfg.Consent.Max)),
			fmt.Sprintf(`write max = %q or less in [consent], or codec = "flac" or "opus"`, spell(fits.Truncate(time.Minute))))
	}
	a.Bitrate = b.bitrate(a.Codec)
}

func (b block) rate(codec string) int {
	rate := 48000
	n, ok := b.number("rate", rate)
	if !ok {
		return rate
	}
	rates := otherRates
	if codec == Opus {
		rates = opusRates
	}
	if !slices.Contains(rates, n) {
		b.fail("rate", fmt.Sprintf("%s has no rate of %d", codec, n), "write one of "+strings.Trim(fmt.Sprint(rates), "[]"))
		return rate
	}
	return n
}

func (b block) bitrate(codec string) int {
	bitrate := 48000
	if n, ok := b.number("bitrate", bitrate); ok {
		switch {
		case n < leastBitrate || n > mostBitrate:
			b.fail("bitrate", fmt.Sprintf("is %d", n),
				fmt.Sprintf("write bits a second, between %d and %d", leastBitrate, mostBitrate))
		case codec != Opus:
			b.warn("bitrate", "means nothing with "+codec, "remove it")
		}
		bitrate = n
	}
	if codec != Opus {
		return 0
	}
	return bitrate
}
