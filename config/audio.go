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

// Bitrates that the encoder accepts, in bits a second: a packet of 20 ms has 15 to 640 bytes.
// cmd/bounds_test.go compares both packages.
const (
	minBitrate = 6000
	maxBitrate = 256000
)

// maxWAV is the most sound that a WAV file can state, in bytes, with some room for its header.
const maxWAV = 1<<32 - 64

// cardNumber finds an ALSA name that counts cards, even inside another name ("plug:'hw:1,0'"): the
// numbers depend on the order in which the cards are found. The card is the first argument, or the
// one called CARD. Without an argument hw is the first card.
var cardNumber = regexp.MustCompile(`(?:^|[:='"])(?:` +
	`((?:plug)?hw|default|sysdefault|front|rear|side|center_lfe|surround[0-9]+|iec958|spdif|hdmi|modem|dmix|dsnoop):(?:(?:[A-Z]+=[^,'"]*,)*CARD=)?[0-9]+` +
	`|((?:plug)?hw):?)(?:[,'"]|$)`)

// soundFile matches ALSA's plugins that write what they record, in clear, to a file: file and tee.
var soundFile = regexp.MustCompile(`(?:^|[:='"])(file|tee)(?:[:'"]|$)`)

func (c *checker) audio(cfg *Config) {
	c.missing("audio", "the section is missing", `write [audio], and below it device = "hw:CARD=Device,DEV=0"`)
	b := c.block("audio")
	b.require("device", `"hw:CARD=Device,DEV=0"; tacetd doctor lists the names`)
	a := &cfg.Audio
	a.Device = b.text("device", "", 255)
	if v := b.t.keys["device"]; v != nil && v.kind == kindText && strings.TrimSpace(v.text) == "" {
		b.fail("device", "is empty", `write the microphone's ALSA name, as in "hw:CARD=Device,DEV=0"; tacetd doctor lists them`)
	}
	b.noLookalikes("device", a.Device)
	if m := soundFile.FindStringSubmatch(a.Device); m != nil {
		b.fail("device", quote(a.Device)+" writes the sound to a file, unencrypted: ALSA's plugin "+m[1]+" is for tests",
			`write the microphone's own name, as in "hw:CARD=Device,DEV=0"; tacetd doctor lists them`)
	}
	if m := cardNumber.FindStringSubmatch(a.Device); m != nil {
		b.warn("device", quote(a.Device)+" counts cards, and the numbers can change at each boot",
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
		b.warn("codec", "the sizes of flac's segments tell anybody who sees the file how loud the room was",
			`write "opus" or "wav", whose segments all have the same size`)
	}
	if perSecond := int64(a.Rate) * int64(a.Channels) * 2; a.Codec == WAV &&
		int64(cfg.Consent.Max.Seconds())*perSecond > maxWAV {
		fits := time.Duration(maxWAV/perSecond) * time.Second
		b.warn("codec", fmt.Sprintf("a recording of %s, the maximum, is larger than 4 GiB, "+
			"too large for a WAV file to state its length", formatDuration(cfg.Consent.Max)),
			fmt.Sprintf(`write max = %q or less in [consent], or codec = "flac" or "opus"`,
				formatDuration(fits.Truncate(time.Minute))))
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
		case n < minBitrate || n > maxBitrate:
			b.fail("bitrate", fmt.Sprintf("is %d", n),
				fmt.Sprintf("write bits a second, between %d and %d", minBitrate, maxBitrate))
		case codec != Opus:
			b.warn("bitrate", "has no effect with "+codec, "remove it")
		}
		bitrate = n
	}
	if codec != Opus {
		return 0
	}
	return bitrate
}
