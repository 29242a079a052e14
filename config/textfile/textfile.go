// Package textfile reads text files that people write: configurations, passwords, passphrases,
// keys, certificates, lists of hosts.
//
// Editors on Windows start a file with a byte-order mark, end lines with CR LF, and write UTF-16
// (PowerShell's > does). None of that is meant, and all of it breaks a password or a key without
// showing on a screen. So every file of this kind is read here:
//
//	text, err := textfile.Read("/etc/tacet/ca.pem", 1<<20)      // UTF-8, without a byte-order mark, lines ending in LF
//	password, err := textfile.Value("/etc/tacet/mqtt_password", 1024) // its only line
//
// UTF-16 is decoded with or without a byte-order mark: only UTF-16 has a zero in every second byte.
// Text that is not valid in its encoding is an error that says what to do. Bytes that are not UTF-8
// stay as they are: a password may contain them.
//
// No error repeats the content.
package textfile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"tacet/config/bounded"
)

// Encoding is the encoding of a text file.
type Encoding string

// The encodings.
const (
	Plain  Encoding = ""                             // UTF-8, or an older encoding with one byte a letter
	Marked Encoding = "UTF-8 with a byte-order mark" // as Notepad and PowerShell save it
	UTF16  Encoding = "UTF-16"                       // in either byte order
)

const mark = "\ufeff"

// Errors about the encoding. They say what to do.
var (
	ErrUTF32  = errors.New("is in UTF-32: save it as UTF-8")
	ErrUTF16  = errors.New("starts like UTF-16, but is cut off or damaged: save it as UTF-8")
	ErrBinary = errors.New("contains zero bytes, so it is not text: name another file, or save this one as UTF-8")
)

// Decode returns data as UTF-8 without a byte-order mark, with LF at the end of each line.
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
		text, ok := decodeUTF16(data[2:], big)
		if !ok {
			return nil, UTF16, ErrUTF16
		}
		return text, UTF16, nil
	}
	if little, big := guessUTF16(data); little || big {
		if text, ok := decodeUTF16(data, big); ok {
			return text, UTF16, nil
		}
	}
	return data, Plain, nil
}

// guessUTF16 reports whether every second byte, and no other, is zero, as in UTF-16 of plain
// letters, with the low byte first (little) or last (big).
func guessUTF16(data []byte) (little, big bool) {
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

// decodeUTF16 decodes UTF-16 without a byte-order mark.
func decodeUTF16(data []byte, big bool) (text []byte, ok bool) {
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

// Read reads the file called name, which has at most limit bytes. It refuses anything but an
// ordinary file: opening a pipe that nobody writes to would never return.
func Read(name string, limit int) ([]byte, error) {
	if err := checkOrdinary(name); err != nil {
		return nil, err
	}
	return Stream(name, limit)
}

// Stream is Read for a desk, where a pipe may stand for a file, as a shell's <(…) does, and where a
// person sees that nothing comes.
func Stream(name string, limit int) ([]byte, error) {
	data, err := load(name, limit, limit)
	if err != nil {
		return nil, err
	}
	text, _, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s %w", name, err)
	}
	return text, nil
}

// checkOrdinary returns nil for a file that can be read without waiting for another program.
func checkOrdinary(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil || info.Mode().IsRegular():
		return nil // opening it reports what is wrong
	case info.IsDir():
		return &fs.PathError{Op: "read", Path: name, Err: errFolder}
	}
	return &fs.PathError{Op: "read", Path: name, Err: errors.New("is not an ordinary file")}
}

var errFolder = errors.New("is a folder")

// load reads a file of at most limit bytes. The error for a longer one names most, the limit for
// its value.
func load(name string, limit, most int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errFolder}
	}
	data, err := bounded.ReadAll(f, int64(limit))
	if errors.Is(err, bounded.ErrTooLong) {
		err = tooLong(name, most)
	}
	return data, err
}

// Bytes reads a file that need not be text, such as a key that a program made, as it is: at most
// limit bytes. Like Read, it refuses anything but an ordinary file.
func Bytes(name string, limit int) ([]byte, error) {
	if err := checkOrdinary(name); err != nil {
		return nil, err
	}
	return load(name, limit, limit)
}

func tooLong(name string, most int) error {
	return fmt.Errorf("%s is longer than %d bytes", name, most)
}

// Value reads a file that contains one value, such as a password. Line ends around it are ignored,
// spaces are not. It has 1 to most bytes.
func Value(name string, most int) (string, error) {
	if err := checkOrdinary(name); err != nil {
		return "", err
	}
	data, err := load(name, maxFileSize(most), most)
	if err != nil {
		return "", err
	}
	value, _, err := parseValue(data, name, most)
	return value, err
}

// maxFileSize is the longest file for a value of most bytes: UTF-16 takes two bytes for a letter
// that takes one in UTF-8, and there may be a byte-order mark and empty lines.
func maxFileSize(most int) int { return 2*most + 64 }

// parseValue returns the value in data, the content of the file called name.
func parseValue(data []byte, name string, most int) (string, Encoding, error) {
	text, encoding, err := Decode(data)
	if err != nil {
		return "", encoding, fmt.Errorf("%s %w", name, err)
	}
	value := strings.Trim(string(text), "\r\n")
	switch {
	case value == "":
		err = fmt.Errorf("%s is empty", name)
	case strings.ContainsAny(value, "\r\n"):
		err = fmt.Errorf("%s contains more than one line: write only the value into it", name)
	case len(value) > most:
		err = tooLong(name, most)
	default:
		return value, encoding, nil
	}
	return "", encoding, err
}

// Secret is a value that may have been used for encryption when the encoding of its file was still
// ignored.
type Secret struct {
	Value    string   // decoded
	Encoding Encoding // of the file
	Before   string   // the value before encodings were decoded; "" if it is the same
}

// Cleaned reports whether decoding changed the value.
func (s Secret) Cleaned() bool { return s.Encoding != Plain }

// Tries returns what to try for decryption, the likeliest first.
func (s Secret) Tries() []string {
	if s.Before == "" {
		return []string{s.Value}
	}
	return []string{s.Value, s.Before}
}

// ReadSecret is Value, and also returns what the file's bytes were taken for before encodings were
// decoded, so that what was encrypted with that can still be opened.
func ReadSecret(name string, most int) (Secret, error) {
	data, err := load(name, maxFileSize(most), most)
	if err != nil {
		return Secret{}, err
	}
	value, encoding, err := parseValue(data, name, most)
	before := string(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r")))
	if before == "" || len(before) > most || strings.ContainsAny(before, "\r\n") || before == value {
		before = "" // it never was a passphrase, or it is the same
	}
	if err != nil && before != "" { // not text, but it may be a passphrase
		return Secret{Value: before}, nil
	}
	return Secret{value, encoding, before}, err
}
