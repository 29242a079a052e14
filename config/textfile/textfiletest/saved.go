// Package textfiletest saves text files as other systems do, for tests of what reads them.
package textfiletest

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
		if err != nil {
			t.Fatal(err)
		}
		was[name] = string(text)
	}
	for way, save := range map[string]func(string) string{
		"CRLF":             func(s string) string { return s },
		"a mark":           func(s string) string { return "\ufeff" + s },
		"UTF-16":           func(s string) string { return wide("\ufeff" + s) },
		"UTF-16 unmarked":  wide,
		"UTF-16 reversed":  func(s string) string { return swapped(wide("\ufeff" + s)) },
		"as it was before": nil,
	} {
		for name, text := range was {
			if save != nil {
				text = save(strings.ReplaceAll(text, "\n", "\r\n"))
			}
			write(t, name, text)
		}
		try(way)
	}
	for name, text := range was {
		write(t, name, text)
	}
}

// write replaces a file's content. An existing file keeps its mode.
func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// swapped swaps the bytes of each pair.
func swapped(s string) string {
	b := []byte(s)
	for i := 0; i+1 < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

// wide returns s in UTF-16, little-endian.
func wide(s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}
