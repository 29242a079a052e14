package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxButtons is the most parties; a header has no more lines to spare.
const maxButtons = 8

// Bounds of a button's debounce. A press may be as short as 50 ms.
const (
	minDebounce = time.Millisecond
	maxDebounce = 100 * time.Millisecond
)

// panel reads the buttons, the lights and the door contact.
func (c *checker) panel(cfg *Config) {
	c.buttons(cfg)

	c.missing("light", "the section is missing, and nothing is recorded without a light",
		`write [light], and below it line = "GPIO27"`)
	b := c.block("light")
	light := &cfg.Light
	light.Line = b.gpio("line", "GPIO27")
	light.Active = b.choice("active", High, Low, High)
	if b.has("sense") {
		light.Sense = b.gpio("sense", "GPIO22")
	}
	light.SenseActive = b.choice("sense_active", High, Low, High)
	if b.there && !b.has("sense") {
		b.warn("sense", "nothing checks whether the light is really lit", "wire a sense line, and name it here")
	}
	b.warnIfOnAtBoot(light.Line, light.Active, "the light may glow while nothing is recorded")

	cfg.StatusLight = c.line("status_light", High, "GPIO23")
	cfg.Door = c.line("door", Low, "GPIO6")
	cfg.Buzzer = c.buzzer()
	if z, most := cfg.Buzzer, cfg.Consent.Max; z != nil && most > 0 && z.Repeat >= most {
		c.block("buzzer").warn("repeat", quote(formatDuration(z.Repeat))+" is as long as the longest recording, so it never sounds",
			"write less than "+formatDuration(most)+`, or "0s" for no tone while it records`)
	}
}

func (c *checker) buttons(cfg *Config) {
	c.missing("button", "there is no button, and nothing else starts a recording",
		`write [[button]], and below it line = "GPIO5"`)
	bs := c.blocks("button")
	parties := map[string]int{}
	for i, b := range bs {
		if i == maxButtons {
			c.fail(b.t.line, "button", fmt.Sprintf("there are %d buttons", len(bs)), fmt.Sprintf("write at most %d", maxButtons))
			return
		}
		party := b.match("party", "", partyName, `1 to 32 of the letters a-z and "-", as in "patient"`)
		if len(bs) > 1 {
			b.require("party", `"patient"`)
		} else if !b.has("party") {
			party = "room"
		}
		if first, duplicate := parties[party]; duplicate && party != "" {
			b.fail("party", fmt.Sprintf("%q already has a button, on line %d", party, first), "give each party one button")
		}
		parties[party] = b.line("party")
		cfg.Buttons = append(cfg.Buttons, Button{
			Party:    party,
			Line:     b.gpio("line", "GPIO5"),
			Active:   b.choice("active", Low, Low, High),
			Style:    b.choice("style", Momentary, Momentary, Latching),
			Debounce: b.duration("debounce", 30*time.Millisecond, minDebounce, maxDebounce, "ms"),
		})
	}
}

// line reads a section that is one GPIO line. It returns nil if there is none.
func (c *checker) line(name, active, example string) *Line {
	b := c.block(name)
	if !b.there {
		return nil
	}
	return &Line{Line: b.gpio("line", example), Active: b.choice("active", active, Low, High)}
}

// minRepeat is the shortest time between two tones of a recording. More often they would disturb
// the talk, and hide a quiet room.
const minRepeat = 10 * time.Second

// buzzer reads the buzzer. It returns nil if there is none.
func (c *checker) buzzer() *Buzzer {
	b := c.block("buzzer")
	if !b.there {
		return nil
	}
	z := &Buzzer{
		Line: b.gpio("line", "GPIO24"), Active: b.choice("active", High, Low, High),
		Repeat: b.duration("repeat", 0, 0, limitMax, "s", "m"),
	}
	if z.Repeat > 0 && z.Repeat < minRepeat {
		b.fail("repeat", strconv.Quote(formatDuration(z.Repeat))+" is too short",
			`write "10s" or more, or "0s" for no tone while it records`)
	}
	b.warnIfOnAtBoot(z.Line, z.Active, "the buzzer may sound until the unit has started")
	return z
}

// lineUse is what a GPIO line is used for.
type lineUse struct {
	name string
	key  string
	line int
}

var (
	gpioName   = regexp.MustCompile(`^GPIO(0|[1-9][0-9]{0,2})$`)
	gpioOfChip = regexp.MustCompile(`^gpiochip(0|[1-9][0-9]{0,2}):(0|[1-9][0-9]{0,3})$`)
	gpioAlmost = regexp.MustCompile(`^(?i:gpio|bcm|gpio_?pin|gpio\.)?[ _-]*0*([0-9]{1,3})$`)
)

// gpio reads the name of a line that nothing else uses.
func (b block) gpio(key, example string) string {
	if !b.require(key, strconv.Quote(example)) {
		return ""
	}
	if v := b.t.keys[key]; v.kind == kindNumber {
		b.notLine(key, v.text, "is a number, not text")
		return ""
	}
	v, ok := b.get(key, kindText, strconv.Quote(example))
	if !ok {
		return ""
	}
	name := v.text
	if off := noneHint[key]; off != "" && strings.TrimSpace(name) == "" {
		b.fail(key, "is empty", off)
		return ""
	}
	if !gpioName.MatchString(name) && !gpioOfChip.MatchString(name) {
		b.notLine(key, name, quote(name)+" is not a GPIO line")
		return ""
	}
	line := lineOf(name)
	for _, first := range b.c.used {
		other := first.name
		if !line.same(lineOf(other)) {
			continue
		}
		what := name + " is already used"
		if other != name && line.chip != "gpiochip0" && lineOf(other).chip != "gpiochip0" {
			what = name + " may be " + other + ", which is already used"
		}
		b.fail(key, fmt.Sprintf("%s by %s on line %d", what, first.key, first.line), "give each its own line")
		return name
	}
	b.c.used = append(b.c.used, lineUse{name, b.key(key), b.line(key)})
	b.warnReserved(key, name)
	return name
}

// notLine says what to write instead of something that is not a GPIO line, which is often a pin of
// the header.
func (b block) notLine(key, wrote, what string) {
	gpio := gpioAlmost.FindStringSubmatch(wrote)
	pin := pinOf(wrote)
	digits := ""
	if gpio != nil {
		digits = gpio[1]
	}
	n, err := strconv.Atoi(digits)
	known := gpio != nil && err == nil && n <= lastOnHeader
	bare := strings.Trim(wrote, "0123456789 ") == ""
	switch {
	case pin > 0 && bare && known: // either may be meant
		is, _ := describePin(key, pin)
		b.fail(key, what, fmt.Sprintf(`write %s = "GPIO%d" if that is the GPIO's number; %s`, key, n, is))
	case pin > 0:
		is, instead := describePin(key, pin)
		b.fail(key, what+": "+is, instead)
	case gpio != nil && err == nil:
		b.fail(key, what, fmt.Sprintf(`did you mean "GPIO%d"? the number is the GPIO's, not the pin's on the header`, n))
	case !b.noLookalikes(key, wrote):
	default:
		b.fail(key, what, `write it as "GPIO5", or as chip and number: "gpiochip0:5"`)
	}
}

// warnIfOnAtBoot warns of an output that the board switches on at boot, before any program runs: a
// Raspberry Pi pulls GPIO 0 to 8 up, and 9 to 27 down.
func (b block) warnIfOnAtBoot(line, active, so string) {
	m := gpioName.FindStringSubmatch(line)
	if m == nil {
		return
	}
	n, _ := strconv.Atoi(m[1])
	switch {
	case n <= 8 && active == High:
		b.warn("line", "a Raspberry Pi pulls "+line+" up at boot, so "+so,
			"take one of GPIO9 to GPIO27")
	case n >= 9 && n <= 27 && active == Low:
		b.warn("line", "a Raspberry Pi pulls "+line+" down at boot, so "+so,
			"take one of GPIO4 to GPIO8, or a driver that is active high")
	}
}
