// Package textfile reads the text files that people make: configurations, passwords, passphrases,
// keys, certificates, lists of hosts.
//
// People make them with whatever is at hand, and what is at hand on Windows begins a file with a
// byte-order mark, ends lines with CR and LF, and writes UTF-16 (PowerShell's > does). None of that
// is part of what was meant, and all of it breaks a password or a key without a trace on the
// screen. So there is one reader, and every file of this kind goes through it:
//
//	text, err := textfile.Read("/etc/tacet/ca.pem", 1<<20)      // UTF-8, without a mark, lines ending in LF
//	password, err := textfile.Value("/etc/tacet/mqtt_password", 1024) // the one line that is in it
//
// UTF-16 is decoded, with and without a mark: zero bytes tell it from every other text. What isn't
// valid in the encoding that it claims is an error, which says what to do. Bytes that are merely no
// UTF-8 stay as they are: a password may be of them.
//
// No error repeats anything of the content.
package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Encoding is how the bytes of a file stand for text.
type Encoding string

// The encodings that are told apart.
const (
	Plain  Encoding = ""                             // UTF-8, or an older one of a byte for each letter
	Marked Encoding = "UTF-8 with a byte-order mark" // as Notepad and PowerShell save it
	UTF16  Encoding = "UTF-16"                       // in either order of the bytes
)

const mark = "\ufeff"

// ErrUTF32 and the others say what is wrong with the bytes, and what to do about it.
var (
	ErrUTF32  = errors.New("is in UTF-32: save it as UTF-8")
	ErrUTF16  = errors.New("begins like UTF-16, and is cut off or damaged: save it as UTF-8")
	ErrBinary = errors.New("holds zero bytes, so it is no text: name another file, or save this one as UTF-8")
)

// Decode returns the text that data stands for: UTF-8 without a mark, with LF at the end of each
// line.
func Decode(data []byte) ([]byte, Encoding, error) {
	text, encoding, err := decode(data)
	if err != nil {
		return nil, encoding, err
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, encoding, ErrBinary
	}
	return bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), encoding, nil
}

func decode(data []byte) ([]byte, Encoding, error) {
	big := bytes.HasPrefix(data, []byte{0xfe, 0xff})
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe, 0, 0}), bytes.HasPrefix(data, []byte{0, 0, 0xfe, 0xff}):
		return nil, Plain, ErrUTF32
	case bytes.HasPrefix(data, []byte(mark)):
		return data[len(mark):], Marked, nil
	case big, bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		text, ok := wide(data[2:], big)
		if !ok {
			return nil, UTF16, ErrUTF16
		}
		return text, UTF16, nil
	}
	if little, big := zeros(data); little || big {
		if text, ok := wide(data, big); ok {
			return text, UTF16, nil
		}
	}
	return data, Plain, nil
}

// zeros reports whether every second byte, and no other, is zero: then it is UTF-16 of plain
// letters, with the low byte first or last.
func zeros(data []byte) (little, big bool) {
	if len(data) == 0 || len(data)%2 != 0 {
		return false, false
	}
	little, big = true, true
	for i := 0; i < len(data); i += 2 {
		little = little && data[i] != 0 && data[i+1] == 0
		big = big && data[i] == 0 && data[i+1] != 0
	}
	return little, big
}

// wide decodes UTF-16 without a mark.
func wide(data []byte, big bool) (text []byte, ok bool) {
	if len(data)%2 != 0 {
		return nil, false
	}
	low, high := 0, 1
	if big {
		low, high = 1, 0
	}
	for i := 0; i < len(data); i += 2 {
		r := rune(data[i+high])<<8 | rune(data[i+low])
		if utf16.IsSurrogate(r) {
			if i += 2; i >= len(data) {
				return nil, false
			}
			if r = utf16.DecodeRune(r, rune(data[i+high])<<8|rune(data[i+low])); r == utf8.RuneError {
				return nil, false
			}
		}
		text = utf8.AppendRune(text, r)
	}
	return text, true
}

// Read reads the file called name, which has at most limit bytes. What is no ordinary file is an
// error that says so: whoever opens a named pipe that nobody writes to waits for ever.
func Read(name string, limit int) ([]byte, error) {
	if err := ordinary(name); err != nil {
		return nil, err
	}
	return Stream(name, limit)
}

// Stream is Read for a desk, where a pipe may stand for a file, as a shell's <(…) does, and where
// somebody sees that nothing comes.
func Stream(name string, limit int) ([]byte, error) {
	data, err := load(name, limit)
	if err != nil {
		return nil, err
	}
	if len(data) > limit {
		return nil, tooLong(name, limit)
	}
	text, _, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return text, nil
}

// ordinary is nil for a file that can be read without waiting for anybody.
func ordinary(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil || info.Mode().IsRegular():
		return nil // whoever opens it says what is wrong
	case info.IsDir():
		return &fs.PathError{Op: "read", Path: name, Err: errFolder}
	}
	return &fs.PathError{Op: "read", Path: name, Err: errors.New("is not an ordinary file")}
}

var errFolder = errors.New("is a folder")

// load reads one byte more than limit at most.
func load(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errFolder}
	}
	return io.ReadAll(io.LimitReader(f, int64(limit)+1))
}

// Bytes reads a file that need not be text, such as a key that a program made, as it is: at most
// limit bytes.
func Bytes(name string, limit int) ([]byte, error) {
	data, err := load(name, limit)
	if err == nil && len(data) > limit {
		return nil, tooLong(name, limit)
	}
	return data, err
}

func tooLong(name string, most int) error {
	return fmt.Errorf("%s is longer than %d bytes", name, most)
}

// Value reads a file that holds one value: a password, say. Line ends around it don't count, spaces
// do. It has at least one byte, and at most most. It refuses the same as Read.
func Value(name string, most int) (string, error) {
	if err := ordinary(name); err != nil {
		return "", err
	}
	data, err := load(name, widest(most))
	if err != nil {
		return "", err
	}
	value, _, err := one(data, name, most)
	return value, err
}

// widest is how long a file may be that holds a value of most bytes: UTF-16 takes two for a letter
// that is one in UTF-8, and a mark and empty lines may stand around it.
func widest(most int) int { return 2*most + 64 }

// one takes the one value that data, the content of the file called name, holds.
func one(data []byte, name string, most int) (string, Encoding, error) {
	if len(data) > widest(most) {
		return "", Plain, tooLong(name, most)
	}
	text, encoding, err := Decode(data)
	if err != nil {
		return "", encoding, fmt.Errorf("%s %w", name, err)
	}
	value := strings.Trim(string(text), "\r\n")
	switch {
	case value == "":
		err = fmt.Errorf("%s is empty", name)
	case strings.ContainsAny(value, "\r\n"):
		err = fmt.Errorf("%s holds more than one line: write the one value into it, and nothing else", name)
	case len(value) > most:
		err = tooLong(name, most)
	default:
		return value, encoding, nil
	}
	return "", encoding, err
}

// Secret is a value that once was read without a look at the encoding, and may have become part of
// a lock like that.
type Secret struct {
	Value    string   // as it was meant
	Encoding Encoding // how it stood in the file
	Before   string   // what the file's bytes were once taken for, if that is something else; "" if not
}

// Cleaned reports whether the file held anything beside the value: a mark, or another encoding.
func (s Secret) Cleaned() bool { return s.Encoding != Plain }

// Tries are what to open a lock with, the likeliest first.
func (s Secret) Tries() []string {
	if s.Before == "" {
		return []string{s.Value}
	}
	return []string{s.Value, s.Before}
}

// ReadSecret is Value, and what the bytes were taken for before marks and encodings were known:
// whoever locked something with that must be able to open it.
func ReadSecret(name string, most int) (Secret, error) {
	data, err := load(name, widest(most))
	if err != nil {
		return Secret{}, err
	}
	value, encoding, err := one(data, name, most)
	before := string(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r")))
	if before == "" || len(before) > most || strings.ContainsAny(before, "\r\n") || before == value {
		before = "" // it never was a passphrase, or it is the same
	}
	if err != nil && before != "" { // no text at all, and a passphrase all the same
		return Secret{Value: before}, nil
	}
	return Secret{value, encoding, before}, err
}
