//go:build linux

package storetest

import (
	"os"
	"strings"
	"testing"
	"unicode/utf16"
)

// SavedOnWindows rewrites files in each way that editors and shells on Windows save them (with
// CRLF, with a byte-order mark, in UTF-16), and calls try each time. At the end it restores them.
func SavedOnWindows(t testing.TB, try func(way string), files ...string) {
	t.Helper()
	was := map[string]string{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		was[name] = string(text)
	}
	for way, save := range map[string]func(string) string{
		"CRLF":             func(s string) string { return s },
		"a mark":           func(s string) string { return "\ufeff" + s },
		"UTF-16":           func(s string) string { return wide("\ufeff" + s) },
		"UTF-16 unmarked":  wide,
		"as it was before": nil,
	} {
		for name, text := range was {
			if save != nil {
				text = save(strings.ReplaceAll(text, "\n", "\r\n"))
			}
			must(t, os.WriteFile(name, []byte(text), 0o600)) // existing files keep their mode
		}
		try(way)
	}
	for name, text := range was {
		must(t, os.WriteFile(name, []byte(text), 0o600))
	}
}

// wide returns s in UTF-16, little-endian.
func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}
