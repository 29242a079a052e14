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

// This file is the one way in which a program prints text. Names of files, what stands in them,
// what a server answers: all of it may have been written by somebody who wants the terminal to show
// something else, or to do something.

// Clean makes text from elsewhere, such as the name of a file, fit for a line of a terminal: what
// is no printable character (which moves the cursor, turns the direction of the line around, or
// shows nothing at all) becomes a sign of its own.
func Clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// Printf writes to standard output. What the arguments say is made clean, each of them; the format,
// which is the program's own, may hold lines.
func (env *Env) Printf(format string, args ...any) error {
	return Fprintf(env.Stdout, format, args...)
}

// Fprintf is Printf to w, for what arranges text that then goes to standard output.
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
				// no number: it may hold text
				clean[i] = Clean(fmt.Sprint(arg))
			}
		}
	}
	_, err := fmt.Fprintf(w, format, clean...)
	return err
}

// PrintLines writes text of several lines to standard output, each made clean.
func (env *Env) PrintLines(text string) error {
	for line := range strings.Lines(text) {
		if err := env.Printf("%s\n", strings.TrimSuffix(line, "\n")); err != nil {
			return err
		}
	}
	return nil
}

// PrintJSON writes v to standard output, indented. What is no printable character stands there as
// JSON's escape for it, so that a program reads what was meant and a terminal shows what is there.
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

// CleanJSON escapes what is no printable character in JSON. Outside its texts there are only lines
// and spaces.
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
