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

// The bounds of [consent]. What is shorter than the usual is warned of: somebody who tries the unit
// out may want just that.
const (
	leastLapse = time.Second
	mostMax    = 12 * time.Hour
	usualMax   = time.Minute
	usualQuiet = 10 * time.Second
)

func (c *checker) consent(cfg *Config) {
	b := c.block("consent")
	consent := &cfg.Consent
	consent.Notice = b.text("notice", "", 100)
	consent.Purpose = b.text("purpose", "", 500)
	if consent.Notice == "" {
		b.warn("notice", "no recording will say which notice hung on the wall",
			`write the notice's version, as in notice = "2026-03"`)
	}
	if consent.Purpose == "" {
		b.warn("purpose", "no recording will say what it was made for", `write it as the notice has it`)
	}
	consent.Max = b.span("max", time.Hour, leastLapse, mostMax, "m", "s", "h")
	if consent.Max < usualMax {
		b.warn("max", "is too short: appointments last longer", `write "1m" or more`)
	}
	consent.Quiet = b.span("quiet", 5*time.Minute, 0, mostMax, "m", "s")
	if consent.Quiet == 0 {
		b.warn("quiet", "a recording goes on in an empty room until max", `write quiet = "5m"`)
	} else if consent.Quiet < usualQuiet {
		say := b.warn
		if consent.Quiet < leastLapse {
			say = b.fail
		}
		say("quiet", "is too short: people pause for longer", `write "10s" or more, or "0s" for never`)
	}
	if consent.Quiet >= consent.Max {
		b.warn("quiet", "never comes to pass: max ("+spell(consent.Max)+") ends the recording first", "write less than max")
	}
}
