package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// All text is printed through this file. File names, file contents and servers' answers may come
// from somebody who wants the terminal to do or to show something else.

// Clean makes text from elsewhere, such as a file name, safe for one line of a terminal. It
// replaces characters that are not printable: those that move the cursor, change the direction of
// writing, or are invisible.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// Printf prints to standard output. It cleans every argument. The format is the program's own, and
// may contain line ends.
func (env *Env) Printf(format string, args ...any) error {
	return Fprintf(env.Stdout, format, args...)
}

// Fprintf is Printf to w, for text that is laid out before it goes to standard output.
func Fprintf(w io.Writer, format string, args ...any) error {
	clean := make([]any, len(args))
	for i, arg := range args {
		clean[i] = arg
		switch arg := arg.(type) {
		case string:
			clean[i] = Clean(arg)
		case error:
			clean[i] = Clean(arg.Error())
		case fmt.Stringer:
			clean[i] = Clean(arg.String())
		case []byte:
			clean[i] = Clean(string(arg))
		default:
			if kind := reflect.ValueOf(arg).Kind(); kind < reflect.Bool || kind > reflect.Float64 {
				// not a number, so it may contain text
				clean[i] = Clean(fmt.Sprint(arg))
			}
		}
	}
	_, err := fmt.Fprintf(w, format, clean...)
	return err
}

// PrintLines prints text of several lines, and cleans each.
func (env *Env) PrintLines(text string) error {
	for line := range strings.Lines(text) {
		if err := env.Printf("%s\n", strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// PrintJSON prints v to standard output, indented. It escapes characters that are not printable, so
// a program reads the original and a terminal is safe.
func (env *Env) PrintJSON(v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := env.Stdout.Write(CleanJSON(text.Bytes()))
	return err
}

// CleanJSON escapes the characters in JSON that are not printable. Outside strings there are only
// line ends and spaces.
func CleanJSON(text []byte) []byte {
	clean := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			clean = append(clean, `\ufffd`...)
		case r == '\n' || unicode.IsPrint(r):
			clean = append(clean, text[:n]...)
		case r > 0xffff:
			r -= 0x10000
			clean = fmt.Appendf(clean, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			clean = fmt.Appendf(clean, `\u%04x`, r)
		}
		text = text[n:]
	}
	return clean
}
