package office

import (
	"fmt"
	"regexp"
	"strings"
)

// driveHeader starts the signed text of a drive.
const driveHeader = "tacet-office drive\n"

// Drive is what an office signs of a drive: the unit it belongs to. ID is the mark's ID. UUID is
// the file system's, so that a mark that is copied to another drive has no effect.
type Drive struct {
	Site, Room, Store string // Room is * for every room of the site
	ID, UUID          string
}

var fieldForm = regexp.MustCompile(`^[\x21-\x7e]{1,64}$`)

func (d Drive) text() (string, error) {
	fields := []string{d.Site, d.Room, d.Store, d.ID, d.UUID}
	for _, f := range fields {
		if !fieldForm.MatchString(f) {
			return "", fmt.Errorf("a drive can't be signed with %q: write 1 to 64 letters, digits and signs", f)
		}
	}
	return driveHeader + strings.Join(fields, "\n") + "\n", nil
}

// SignDrive returns the office's signature of a drive, in one line.
func SignDrive(d Drive, s Signer) (string, error) {
	text, err := d.text()
	if err != nil {
		return "", err
	}
	return s.sign(text)
}

// CheckDrive returns nil if the signature covers exactly this drive.
func (k Key) CheckDrive(d Drive, signature string) error {
	text, err := d.text()
	if err != nil {
		return err
	}
	if signature == "" {
		return ErrUnsigned
	}
	return k.proves(text, signature)
}
