package config

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// maxButtons bounds the parties; a header has no more lines to spare.
const maxButtons = 8

// The bounds of a button's debounce. A press may be as short as 50 ms.
const (
	leastDebounce = time.Millisecond
	mostDebounce  = 100 * time.Millisecond
)

// panel reads what hangs on the wall.
func (c *checker) panel(cfg *Config) {
	c.used = map[string]usage{}
	c.buttons(cfg)

	c.missing("light", "the section is missing, and nothing is recorded without a light", `write [light], and below it line = "GPIO27"`)
	b := c.block("light")
	light := &cfg.Light
	light.Line = b.gpio("line", "GPIO27")
	light.Active = b.choice("active", High, Low, High)
	if b.has("sense") {
		light.Sense = b.gpio("sense", "GPIO22")
	}
	light.SenseActive = b.choice("sense_active", High, Low, High)
	if b.there && !b.has("sense") {
		b.warn("sense", "nothing sees whether the light is truly lit", "wire a sense line, and name it here")
	}
	b.glows(light.Line, light.Active)

	cfg.StatusLight = c.line("status_light", High, "GPIO23")
	cfg.Door = c.line("door", Low, "GPIO6")
}

func (c *checker) buttons(cfg *Config) {
	c.missing("button", "there is no button, and nothing else starts a recording", `write [[button]], and below it line = "GPIO5"`)
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
		if first, twice := parties[party]; twice && party != "" {
			b.fail("party", fmt.Sprintf("%q has a button already, on line %d", party, first), "give each party one button")
		}
		parties[party] = b.line("party")
		cfg.Buttons = append(cfg.Buttons, Button{
			Party:    party,
			Line:     b.gpio("line", "GPIO5"),
			Active:   b.choice("active", Low, Low, High),
			Style:    b.choice("style", Momentary, Momentary, Latching),
			Debounce: b.span("debounce", 30*time.Millisecond, leastDebounce, mostDebounce),
		})
	}
}

// line reads a section that is one GPIO line; nil where there is none.
func (c *checker) line(name, active, example string) *Line {
	b := c.block(name)
	if !b.there {
		return nil
	}
	return &Line{Line: b.gpio("line", example), Active: b.choice("active", active, Low, High)}
}

// usage is what a GPIO line is already used for.
type usage struct {
	key  string
	line int
}

var (
	gpioName   = regexp.MustCompile(`^GPIO(0|[1-9][0-9]{0,2})$`)
	gpioOfChip = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}:(0|[1-9][0-9]{0,3})$`)
	gpioAlmost = regexp.MustCompile(`^(?i:gpio|bcm|pin)?[ _-]?0*([0-9]{1,3})$`)
)

// gpio takes the name of a line that nothing else uses.
func (b block) gpio(key, example string) string {
	if !b.require(key, strconv.Quote(example)) {
		return ""
	}
	if v := b.t.keys[key]; v.kind == aNumber && gpioAlmost.MatchString(v.text) {
		example = "GPIO" + v.text
	}
	v, ok := b.get(key, aText, strconv.Quote(example))
	if !ok {
		return ""
	}
	name := v.text
	if !gpioName.MatchString(name) && !gpioOfChip.MatchString(name) {
		instead := `write it as "GPIO5", or as chip and number: "gpiochip0:5"`
		if m := gpioAlmost.FindStringSubmatch(name); m != nil {
			instead = fmt.Sprintf(`did you mean "GPIO%s"? the number is the GPIO's, not the pin's on the header`, m[1])
		}
		b.fail(key, shown(name)+" is not a GPIO line", instead)
		return ""
	}
	// The same line can be named by itself and by its chip, which is the first one on every board that names its lines so.
	same := name
	if m := gpioName.FindStringSubmatch(name); m != nil {
		same = "gpiochip0:" + m[1]
	}
	if first, taken := b.c.used[same]; taken {
		b.fail(key, fmt.Sprintf("%s is used already, by %s on line %d", name, first.key, first.line), "give each its own line")
		return name
	}
	b.c.used[same] = usage{b.key(key), b.line(key)}
	return name
}

// glows warns of a light that the board itself lights at boot, before anything runs: a Raspberry Pi pulls GPIO 0 to 8 up
// and 9 to 27 down.
func (b block) glows(line, active string) {
	m := gpioName.FindStringSubmatch(line)
	if m == nil {
		return
	}
	n, _ := strconv.Atoi(m[1])
	switch {
	case n <= 8 && active == High:
		b.warn("line", "a Raspberry Pi pulls "+line+" up at boot, so the light may glow while nothing is recorded", "take one of GPIO9 to GPIO27")
	case n >= 9 && n <= 27 && active == Low:
		b.warn("line", "a Raspberry Pi pulls "+line+" down at boot, so the light may glow while nothing is recorded", "take one of GPIO2 to GPIO8, or a driver that is active high")
	}
}
