// Package support writes one file for whoever helps with a unit. The file holds no secret, no
// sound, and nothing that tells when somebody was in the room.
//
//	f := support.New(secrets)
//	f.Section("doctor", text)
//	f.WriteTo(os.Stdout)
//
// What is removed from every section:
//
//   - the secrets that the configuration's files contain, whole and line by line;
//   - anything that looks like a private key;
//   - user names and passwords in URLs;
//   - names and IDs of recordings, since a name says when the consultation began. A word that looks
//     like an ID goes too;
//   - times of day, of which only the day is left: a fault may have come in a consultation.
package support

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const (
	// maxSection is the most text of one section, in bytes; the newest, at its end, is kept.
	maxSection = 256 << 10
	// minSecret is the length of the shortest line of a secret file that is looked for: a shorter
	// one could be any word.
	minSecret = 4
	removed   = "[removed]"
	recording = "RECORDING"
)

// A File is the file for help, while it is made.
type File struct {
	secrets []string // the longest first
	text    bytes.Buffer
}

// New starts a file without these secrets. Each is the content of a file.
func New(secrets [][]byte) *File {
	f := &File{}
	add := func(s string) {
		if s = strings.TrimSpace(s); len(s) >= minSecret && !slices.Contains(f.secrets, s) {
			f.secrets = append(f.secrets, s)
		}
	}
	for _, content := range secrets {
		add(string(content))
		for line := range strings.Lines(string(content)) {
			add(line)
		}
	}
	slices.SortFunc(f.secrets, func(a, b string) int { return len(b) - len(a) })
	return f
}

// Section adds a part of the file.
func (f *File) Section(name, text string) {
	if cut := len(text) - maxSection; cut > 0 {
		text = "(the start is left out)\n" + text[cut:]
	}
	fmt.Fprintf(&f.text, "== %s ==\n%s\n\n", name, strings.TrimRight(f.Clean(text), "\n"))
}

// WriteTo writes the file. It refuses if a secret is in it after all.
func (f *File) WriteTo(w io.Writer) (int64, error) {
	for _, s := range f.secrets {
		if strings.Contains(f.text.String(), s) {
			return 0, fmt.Errorf("a secret of %d characters is still in the file for help, so it is not written", len(s))
		}
	}
	return f.text.WriteTo(w)
}

// patterns are what is removed wherever it stands, and what takes its place.
var patterns = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`), removed},
	{regexp.MustCompile(`(?i)AGE-(SECRET-KEY|PLUGIN)-[A-Z0-9-]+`), removed},
	{regexp.MustCompile(`PRIVATE\+KEY\+\S+`), removed}, // of a signing key
	{regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^/\s"'<>]*@`), "${1}" + removed + "@"},
	{regexp.MustCompile(`(?i)\b((?:password|passwd|passphrase|secret|token)\s*[=:]\s*)("[^"\n]*"|'[^'\n]*'|[^\s,;]+)`),
		"${1}" + removed},
	// A recording's file, also with .2 or .tmp, and its ID: see package recording.
	{regexp.MustCompile(`\b[0-9]{8}T[0-9]{6}Z[A-Za-z0-9._-]*`), recording},
	{regexp.MustCompile(`\b[0-9a-hjkmnp-tv-z]{10}\b`), recording},
	// Times of day, after a date and alone.
	{regexp.MustCompile(`(\b[0-9]{4}-[0-9]{2}-[0-9]{2})[T ][0-9]{2}:[0-9]{2}[0-9:.,]*(Z|[+-][0-9]{2}:?[0-9]{2})?`), "${1}"},
	{regexp.MustCompile(`\b[0-9]{2}:[0-9]{2}:[0-9]{2}([.,][0-9]+)?\b`), "TIME"},
}

// Clean removes from a text what the file must not hold.
func (f *File) Clean(text string) string {
	for _, s := range f.secrets {
		text = strings.ReplaceAll(text, s, removed)
	}
	for _, p := range patterns {
		text = p.what.ReplaceAllString(text, p.with)
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r == '\n' || unicode.IsPrint(r):
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
