package config

import (
	"cmp"
	"regexp"
	"time"
)

var (
	plainName = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	partyName = regexp.MustCompile(`^[a-z-]{1,32}$`)
)

const plainNameRule = `1 to 32 of the letters a-z, the digits and "-", as in "room-3"`

func (c *checker) room(cfg *Config) {
	c.missing("room", "the section is missing", `write [room], and below it site = "high-street" and id = "room-3"`)
	b := c.block("room")
	b.require("site", `"high-street"`)
	b.require("id", `"room-3"`)
	cfg.Room.Site = b.match("site", "", plainName, plainNameRule)
	cfg.Room.ID = b.match("id", "", plainName, plainNameRule)
	cfg.Room.Name = cmp.Or(b.text("name", "", 100), cfg.Room.ID)
}

func (c *checker) unit(cfg *Config) {
	cfg.Unit.Key = c.block("unit").path("key", "/var/lib/tacet/unit.key")
}

// Bounds of [consent]. Values below the short ones only get a warning, because somebody who tries
// out the unit may want them.
const (
	minLapse   = time.Second
	limitMax   = 12 * time.Hour
	shortMax   = time.Minute
	shortQuiet = 10 * time.Second
)

func (c *checker) consent(cfg *Config) {
	b := c.block("consent")
	consent := &cfg.Consent
	consent.Notice = b.text("notice", "", 100)
	consent.Purpose = b.text("purpose", "", 500)
	if consent.Notice == "" {
		b.warn("notice", "recordings will not say which notice was on the wall",
			`write the notice's version, as in notice = "2026-03"`)
	}
	if consent.Purpose == "" {
		b.warn("purpose", "recordings will not say what they were made for", `write the purpose as the notice states it`)
	}
	consent.Max = b.duration("max", time.Hour, minLapse, limitMax, "m", "s", "h")
	if consent.Max < shortMax {
		b.warn("max", "is short: appointments take longer", `write "1m" or more`)
	}
	consent.Quiet = b.duration("quiet", 5*time.Minute, 0, limitMax, "m", "s")
	if consent.Quiet == 0 {
		b.warn("quiet", "a recording goes on in an empty room until max", `write quiet = "5m"`)
	} else if consent.Quiet < shortQuiet {
		say := b.warn
		if consent.Quiet < minLapse {
			say = b.fail
		}
		say("quiet", "is short: people pause for longer", `write "10s" or more, or "0s" for never`)
	}
	if consent.Quiet >= consent.Max {
		b.warn("quiet", "has no effect: max ("+formatDuration(consent.Max)+") ends the recording first",
			"write less than max")
	}
}
