package textfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

func file(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// utf16of encodes text with the low byte first or last, with or without a byte-order mark.
func utf16of(text string, big, marked bool) []byte {
	if marked {
		text = "\ufeff" + text
	}
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		pair := []byte{byte(u), byte(u >> 8)}
		if big {
			pair[0], pair[1] = pair[1], pair[0]
		}
		b = append(b, pair...)
	}
	return b
}

// A text is the same in every encoding.
func TestDecode(t *testing.T) {
	for _, text := range []string{"secret\n", "# keys\nage1abc\n\n# more\nage1def\n", "no line end", "",
		"Gr\u00fc\u00dfe \U0001f511 \u65e5\u672c\n"} {
		windows := strings.ReplaceAll(text, "\n", "\r\n")
		ascii := strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0
		for name, c := range map[string]struct {
			data     []byte
			encoding Encoding
		}{
			"UTF-8":                {[]byte(text), Plain},
			"CRLF":                 {[]byte(windows), Plain},
			"a mark":               {[]byte(mark + text), Marked},
			"a mark and CRLF":      {[]byte(mark + windows), Marked},
			"UTF-16 LE":            {utf16of(windows, false, true), UTF16},
			"UTF-16 BE":            {utf16of(text, true, true), UTF16},
			"UTF-16 LE, no mark":   {utf16of(windows, false, false), UTF16},
			"UTF-16 BE, no mark":   {utf16of(text, true, false), UTF16},
			"UTF-16 LE, marked LF": {utf16of(text, false, true), UTF16},
		} {
			if strings.Contains(name, "no mark") && (!ascii || text == "") {
				continue // can't be recognised
			}
			got, encoding, err := Decode(c.data)
			if string(got) != text || encoding != c.encoding || err != nil {
				t.Errorf("%q in %s: %q, %q, %v", text, name, got, encoding, err)
			}
		}
	}
}

func TestNotText(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"UTF-32 LE":      {"\xff\xfe\x00\x00a\x00\x00\x00", ErrUTF32},
		"UTF-32 BE":      {"\x00\x00\xfe\xff\x00\x00\x00a", ErrUTF32},
		"half a letter":  {"\xff\xfea", ErrUTF16},
		"half a pair":    {"\xff\xfe\x00\xd8", ErrUTF16},
		"a pair astray":  {"\xff\xfe\x00\xdca\x00", ErrUTF16},
		"zeros":          {"a\x00b", ErrBinary},
		"a zero at last": {"secret\x00", ErrBinary},
		"a program":      {"\x7fELF\x02\x01\x01\x00\x00\x00", ErrBinary},
	} {
		if text, _, err := Decode([]byte(c.data)); !errors.Is(err, c.want) || text != nil {
			t.Errorf("%s: %q, %v, want %v", name, text, err, c.want)
		}
		if _, err := Read(file(t, []byte(c.data)), 100); !errors.Is(err, c.want) ||
			!strings.Contains(err.Error(), "file "+c.want.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOtherEncodingsStay(t *testing.T) {
	if got, err := Value(file(t, []byte("p\xe4ss\r\n")), 100); got != "p\xe4ss" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestValue(t *testing.T) {
	long := strings.Repeat("a", 100)
	for content, want := range map[string]string{
		"secret": "secret", "secret\n": "secret", "secret\r\n": "secret", mark + "secret\r\n": "secret",
		"secret\n\n": "secret", "\nsecret\n": "secret",
		" secret \n": " secret ", "secret \r\n": "secret ", "secret\t\n": "secret\t", "se cret": "se cret",
		"\u00a0s":            "\u00a0s",
		"\u201csecret\u201d": "\u201csecret\u201d", // the quotes may belong to it
		long:                 long, long + "\r\n": long,
		string(utf16of(long+"\r\n", false, true)): long,
		"": "error: is empty", "\n": "error: is empty", mark: "error: is empty", mark + "\r\n": "error: is empty",
		"\xff\xfe": "error: is empty",
		"one\ntwo": "error: more than one line", "one\r\ntwo\r\n": "error: more than one line",
		"one\rtwo": "error: more than one line", "one\n \n": "error: more than one line",
		long + "b": "error: longer than 100 bytes", strings.Repeat(long, 100): "error: longer than",
		"a\x00b": "error: zero bytes",
	} {
		got, err := Value(file(t, []byte(content)), 100)
		if err != nil {
			got = "error: " + err.Error()
			if strings.Contains(got, "secret") || strings.Contains(got, "one\n") || strings.Contains(got, "aaa") {
				t.Errorf("the error repeats the content: %v", err)
			}
		}
		if wrong, failed := strings.CutPrefix(want, "error: "); failed && (err == nil || !strings.Contains(got, wrong)) ||
			!failed && got != want {
			t.Errorf("%.40q: got %.60q, want %.60q", content, got, want)
		}
	}
}

func TestReadIsBounded(t *testing.T) {
	if text, err := Read(file(t, []byte("12345")), 5); string(text) != "12345" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := Read(file(t, []byte("123456")), 5); err == nil || !strings.Contains(err.Error(), "longer than 5 bytes") {
		t.Errorf("%v", err)
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if _, err := Read(t.TempDir(), 5); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("%v", err)
	}
	if runtime.GOOS == "linux" { // an endless file
		if _, err := Stream("/dev/zero", 5); err == nil || !strings.Contains(err.Error(), "longer than 5 bytes") {
			t.Errorf("%v", err)
		}
	}
}

// undecoded is how a passphrase's file was read before encodings were decoded.
func undecoded(data []byte) string {
	return string(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r")))
}

// What used to open a key still opens it, after the decoded value has been tried.
func TestReadSecret(t *testing.T) {
	for name, data := range map[string][]byte{
		"plain":                  []byte("correct horse\n"),
		"a space at the end":     []byte("correct horse \r\n"),
		"a mark":                 []byte(mark + "correct horse\n"),
		"a mark and CRLF":        []byte(mark + "correct horse\r\n"),
		"UTF-16 without a line":  utf16of("correct horse", false, true),
		"UTF-16 without a mark":  utf16of("correct horse", true, false),
		"UTF-16, an odd byte":    append(utf16of("correct horse", false, true), 'x'),
		"zero bytes":             []byte("correct\x00horse"),
		"Latin-1":                []byte("corr\xe9ct horse"),
		"as long as it may be":   []byte(strings.Repeat("a", 100)),
		"a mark makes it longer": []byte(mark + strings.Repeat("a", 100)),
	} {
		s, err := ReadSecret(file(t, data), 100)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		tries, before := s.Tries(), undecoded(data)
		if len(before) <= 100 && tries[len(tries)-1] != before {
			t.Errorf("%s: tries %q, and it was %q", name, tries, before)
		}
		if meant, err := Value(file(t, data), 100); err == nil &&
			(tries[0] != meant || len(tries) == 2 != (meant != before && len(before) <= 100)) {
			t.Errorf("%s: tries %q, meant was %q", name, tries, meant)
		}
		if marked := strings.HasPrefix(name, "a mark") || name == "UTF-16 without a line" ||
			name == "UTF-16 without a mark"; s.Cleaned() != marked {
			t.Errorf("%s: cleaned is %v", name, s.Cleaned())
		}
	}
	for _, bad := range []string{"", "\n", "one\ntwo\n", strings.Repeat("a", 101)} {
		if s, err := ReadSecret(file(t, []byte(bad)), 100); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
}
