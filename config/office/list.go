package office

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// listHeader begins what is signed of a list of recipients.
const listHeader = "tacet-office recipients\n"

// signatureLine begins the line of a list that holds its signature. For age it is a remark.
const signatureLine = "# " + dash + prefix

// MaxList is the longest list that is signed or opened, in bytes: some hundred recipients, with
// remarks.
const MaxList = 256 << 10

// SignList returns a list of recipients, a file as age -R takes it, with the office's signature as
// its last line. It takes the place of signatures that the list may carry. Remarks are signed too:
// they may say whose a key is.
func SignList(list []byte, s Signer) ([]byte, error) {
	text, _, _, err := split(list)
	if err != nil && !errors.Is(err, errAfter) {
		return nil, err
	}
	if errors.Is(err, errAfter) { // it was added after a signature, and is to be signed now
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

// OpenList returns the list in what SignList made, proved. Line ends in the way of Windows, a
// byte-order mark and blanks at the end of a line make no difference; anything else does.
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

// errAfter says that somebody added to a signed list.
var errAfter = fmt.Errorf("%w: something stands after its signature", ErrChanged)

// split takes a list apart: its lines as they are signed, and the signature, if there is one.
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

// linesOf are the lines of a list, without what editors and systems do to them: line ends, blanks
// behind them, a mark before the first, empty lines after the last.
func linesOf(list []byte) ([]string, error) {
	if len(list) > MaxList {
		return nil, fmt.Errorf("is longer than %d bytes", MaxList)
	}
	lines := strings.Split(strings.TrimPrefix(string(list), "\ufeff"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
		if !utf8.ValidString(line) || strings.ContainsFunc(lines[i], unicode.IsControl) {
			return nil, fmt.Errorf("holds something else than plain text on line %d", i+1)
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
