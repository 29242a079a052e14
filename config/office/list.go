package office

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// listHeader starts the signed text of a list of recipients.
const listHeader = "tacet-office recipients\n"

// signatureLine starts the line of a list that holds its signature. To age it is a comment.
const signatureLine = "# " + dash + prefix

// MaxList is the longest list that is signed or opened, in bytes: some hundred recipients with
// comments.
const MaxList = 256 << 10

// SignList returns a list of recipients, a file as age -R takes it, with the office's signature as
// its last line. It replaces older signatures. Comments are signed too, because they may say whose
// a key is.
func SignList(list []byte, s Signer) ([]byte, error) {
	text, _, _, err := split(list)
	if err != nil && !errors.Is(err, errAfter) {
		return nil, err
	}
	if errors.Is(err, errAfter) { // sign what was added after the old signature
		if text, err = withoutSignatures(list); err != nil {
			return nil, err
		}
	}
	signature, err := s.sign(listHeader + text)
	if err != nil {
		return nil, err
	}
	return []byte(text + "# " + dash + signature + "\n"), nil
}

// OpenList checks what SignList has made, and returns the list. Windows line ends, a byte-order
// mark and blanks at line ends make no difference; anything else does.
func (k Key) OpenList(signed []byte) (string, error) {
	text, signature, found, err := split(signed)
	switch {
	case err != nil:
		return "", err
	case !found:
		return "", ErrUnsigned
	}
	if err := k.proves(listHeader+text, signature); err != nil {
		return "", err
	}
	return text, nil
}

// errAfter says that something was added to a signed list.
var errAfter = fmt.Errorf("%w: there is something after its signature", ErrChanged)

// split returns the lines of a list as they are signed, and its signature, if there is one.
func split(list []byte) (text, signature string, found bool, err error) {
	lines, err := linesOf(list)
	if err != nil {
		return "", "", false, err
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, signatureLine) {
			continue
		}
		if i != len(lines)-1 {
			return "", "", true, errAfter
		}
		return join(lines[:i]), strings.TrimPrefix(line, "# "+dash), true, nil
	}
	return join(lines), "", false, nil
}

func withoutSignatures(list []byte) (string, error) {
	lines, err := linesOf(list)
	if err != nil {
		return "", err
	}
	var kept []string
	for _, line := range lines {
		if !strings.HasPrefix(line, signatureLine) {
			kept = append(kept, line)
		}
	}
	return join(kept), nil
}

// linesOf returns the lines of a list without what editors change: line ends, trailing blanks, a
// byte-order mark, empty lines at the end.
func linesOf(list []byte) ([]string, error) {
	if len(list) > MaxList {
		return nil, fmt.Errorf("is longer than %d bytes", MaxList)
	}
	lines := strings.Split(strings.TrimPrefix(string(list), "\ufeff"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
		if !utf8.ValidString(line) || strings.ContainsFunc(lines[i], unicode.IsControl) {
			return nil, fmt.Errorf("contains something other than plain text on line %d", i+1)
		}
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines, nil
}

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
