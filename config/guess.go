package config

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A value is often right except for its form: 45 for "45m", "2 hours" for "2h", 48k for 48000. A
// message then suggests what was meant, not an example with another meaning.

var quantity = regexp.MustCompile(`^([0-9]+(?:[.,][0-9]+)?)\s*([a-z]*)\.?`)

// unitNames maps the names of units of time to the file's units.
var unitNames = map[string]string{
	"ms": "ms", "msec": "ms", "millisecond": "ms", "milliseconds": "ms",
	"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
	"d": "d", "day": "d", "days": "d",
	"w": "w", "week": "w", "weeks": "w",
	"mo": "mo", "month": "mo", "months": "mo",
	"y": "y", "yr": "y", "year": "y", "years": "y",
}

// daysIn are units that the file does not have, in days.
var daysIn = map[string]int{"w": 7, "mo": 30, "y": 365}

// guessDuration returns what text may mean, in the form that the file wants, or "" if it can't
// tell. units are the units that a bare number may have, the likeliest first; the first that gives
// a value between least and most is used.
func guessDuration(text string, least, most time.Duration, units ...string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	fits := func(s string) bool {
		d, err := parseDuration(s)
		return err == nil && d >= least && d <= most
	}
	switch text {
	case "never", "none", "off", "no", "false", "zero":
		if least == 0 {
			return "0s"
		}
		return ""
	}
	var all strings.Builder
	bare := ""
	for rest := text; rest != ""; {
		m := quantity.FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		number, unit := strings.ReplaceAll(m[1], ",", "."), unitNames[m[2]]
		switch {
		case m[2] == "" && all.Len() == 0 && len(m[0]) == len(rest):
			bare = number
		case unit == "":
			return ""
		case daysIn[unit] > 0:
			n, err := strconv.Atoi(number)
			if err != nil || n > math.MaxInt32/daysIn[unit] {
				return ""
			}
			all.WriteString(strconv.Itoa(n*daysIn[unit]) + "d")
		default:
			all.WriteString(number + unit)
		}
		rest = strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(rest[len(m[0]):], " ,"), "and "), " ")
	}
	if bare != "" {
		for _, unit := range units {
			if fits(bare + unit) {
				return bare + unit
			}
		}
		return ""
	}
	if fits(all.String()) {
		return all.String()
	}
	return ""
}

var thousands = regexp.MustCompile(`^([0-9]{1,3}(?:[.,' _][0-9]{3})*|[0-9]+)\s*(k|khz|kb|kbit|kbit/s|kbps|hz|bit|bit/s|bps)?$`)

// guessNumber returns the number that text may mean.
func guessNumber(text string) (int, bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	if n, err := strconv.Atoi(text); err == nil {
		return n, true
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz/ ")
	unit := strings.TrimSpace(text[len(digits):])
	if f, err := strconv.ParseFloat(strings.ReplaceAll(digits, ",", "."), 64); err == nil && strings.HasPrefix(unit, "k") {
		if n := f * 1000; n == math.Trunc(n) && n < math.MaxInt32 {
			return int(n), true
		}
		return 0, false
	}
	if !thousands.MatchString(text) {
		return 0, false
	}
	n, err := strconv.Atoi(strings.NewReplacer(".", "", ",", "", "'", "", " ", "", "_", "").Replace(digits))
	return n, err == nil
}

// guessBool returns the boolean that text may mean.
func guessBool(text string) (truth, ok bool) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true", "yes", "on", "1", "y":
		return true, true
	case "false", "no", "off", "0", "n":
		return false, true
	}
	return false, false
}
