package diagnosis

import (
	"fmt"
	"strings"
)

// Ticks reports whether a terminal shows them, by its environment. The Linux console's fonts lack
// them.
func Ticks(getenv func(string) string) bool {
	if term := getenv("TERM"); term == "" || term == "dumb" || term == "linux" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} { // the first that is set counts
		if value := strings.ToLower(getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}

const (
	barWidth = 30
	barLow   = -60 // dB: an empty bar
)

// Bar shows a level, in dB below full scale, as one line of constant width.
func Bar(level float64) string {
	n := min(max(int((level-barLow)*barWidth/-barLow+0.5), 0), barWidth)
	return fmt.Sprintf("[%s%s] %4.0f dB", strings.Repeat("#", n), strings.Repeat("-", barWidth-n), max(level, -99))
}

// Quote quotes a word for a shell, if it needs to be.
func Quote(word string) string {
	plain := word != "" && strings.Trim(word,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-") == ""
	if plain {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
