package journal

import (
	"bytes"
	"encoding"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

const maxText = 2 << 10 // bytes

// frozen makes immutable copies of a line's attributes, and collects their size and subject.
type frozen struct {
	bytes int
	about string
}

func (f *frozen) attr(a slog.Attr) slog.Attr {
	a = slog.Attr{Key: f.text(a.Key), Value: f.value(a.Value)}
	f.bytes += 16
	if isAbout(a) {
		f.about += a.Key + "=" + a.Value.String() + "\x00"
	}
	return a
}

func (f *frozen) value(v slog.Value) slog.Value {
	v = v.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(f.text(v.String()))
	case slog.KindGroup:
		group := slices.Clone(v.Group())
		for i := range group {
			group[i] = f.attr(group[i])
		}
		return slog.GroupValue(group...)
	case slog.KindAny:
		return f.any(v.Any())
	}
	return v // a number, a time or a bool
}

// any converts what may change later to text, as slog's text handler would.
func (f *frozen) any(v any) slog.Value {
	switch v := v.(type) {
	case nil:
		return slog.AnyValue(nil)
	case []byte:
		f.bytes += len(v)
		return slog.AnyValue(bytes.Clone(v))
	case []string:
		v = slices.Clone(v)
		for i := range v {
			v[i] = f.text(v[i])
		}
		return slog.AnyValue(v)
	}
	return slog.StringValue(f.text(textOf(v)))
}

func textOf(v any) (text string) {
	defer func() { // a log line must not crash the program
		if p := recover(); p != nil {
			text = fmt.Sprintf("!PANIC: %v", p)
		}
	}()
	if _, isError := v.(error); !isError {
		if m, ok := v.(encoding.TextMarshaler); ok {
			text, err := m.MarshalText()
			if err != nil {
				return "!ERROR: " + err.Error()
			}
			return string(text)
		}
	}
	return fmt.Sprintf("%+v", v)
}

func (f *frozen) text(s string) string {
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") + "…"
	}
	f.bytes += len(s)
	return s
}
