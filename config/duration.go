package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

var days = regexp.MustCompile(`^(\d{1,6})d(.*)$`)

// ParseDuration reads a duration as the file has it, for flags.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// parseDuration reads a duration in Go's form, or with days, as in 30d or 1d12h. It is never
// negative.
func parseDuration(s string) (time.Duration, error) {
	var whole time.Duration
	rest := s
	if m := days.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil || n > int(math.MaxInt64/day)-1 {
			return 0, fmt.Errorf("too many days")
		}
		whole, rest = time.Duration(n)*day, m[2]
		if rest == "" {
			return whole, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil {
		return 0, err
	}
	if d < 0 || whole > math.MaxInt64-d {
		return 0, fmt.Errorf("out of range")
	}
	return whole + d, nil
}

// formatDuration writes a duration as people write it in the file.
func formatDuration(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// duration reads a duration between least and most. units are the units that a bare number may have,
// the likeliest first.
func (b block) duration(key string, fallback, least, most time.Duration, units ...string) time.Duration {
	write := func(text, example string) string {
		if meant := guessDuration(text, least, most, units...); meant != "" {
			example = meant
		}
		return "write " + key + " = " + strconv.Quote(example)
	}
	if v := b.t.keys[key]; v != nil && (v.kind == kindNumber || v.kind == kindFloat) {
		b.fail(key, fmt.Sprintf("is %s, but a duration needs a unit", v.kind),
			write(v.text, formatDuration(fallback))+", in quotes and with a unit")
		return fallback
	}
	if v := b.t.keys[key]; v != nil && v.kind == kindBool && v.text == "false" && least == 0 {
		b.fail(key, fmt.Sprintf("is %s, not a duration", v.kind), write(v.text, ""))
		return fallback
	}
	v, ok := b.get(key, kindText, strconv.Quote(formatDuration(fallback))+", in quotes and with a unit")
	if !ok {
		return fallback
	}
	rule := fmt.Sprintf("write a time between %q and %q", formatDuration(least), formatDuration(most))
	d, err := parseDuration(v.text)
	switch {
	case err != nil && guessDuration(v.text, least, most, units...) != "":
		b.fail(key, quote(v.text)+" is not a duration", write(v.text, "")+`; the units are ms, s, m, h and d`)
	case err != nil:
		b.fail(key, quote(v.text)+" is not a duration", rule+`, as in "90s", "60m", "12h" or "30d"`)
	case d < least:
		b.fail(key, quote(v.text)+" is too short", rule)
	case d > most:
		b.fail(key, quote(v.text)+" is too long", rule)
	default:
		return d
	}
	return fallback
}
