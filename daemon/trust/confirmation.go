package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"syscall"

	"tacet/config/bounded"
)

// Confirmation is what somebody has confirmed at the unit, as root, in a file that the daemon can
// read but not write. It counts once, for one ledger of one unit.
type Confirmation struct {
	Format     string         `json:"format"` // ConfirmationFormat
	ID         string         `json:"id"`     // random
	Time       string         `json:"time"`   // for people
	Unit       string         `json:"unit"`   // the unit's verifier key
	Ledger     string         `json:"ledger"` // the origin of its ledger
	Recipients []string       `json:"recipients"`
	Drives     []UnknownDrive `json:"drives"`
}

// ConfirmationFormat is the format of a confirmation.
const ConfirmationFormat = "tacet-confirmed/1"

const (
	maxConfirmation = 64 << 10 // bytes of the file
	maxConfirmed    = 64       // recipients, and drives
)

// ReadConfirmation reads a confirmation from a file that only the user with the ID owner can have
// written. It returns nil if there is no file.
func ReadConfirmation(path string, owner int) (*Confirmation, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	case !ok || int(st.Uid) != owner || info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s belongs to user %d and has mode %04o: nobody but user %d may write it", path, st.Uid,
			info.Mode().Perm(), owner)
	}
	data, err := bounded.ReadAll(f, maxConfirmation)
	if err != nil && !errors.Is(err, bounded.ErrTooLong) {
		return nil, err
	}
	var c Confirmation
	if err != nil || json.Unmarshal(data, &c) != nil || c.check() != nil {
		return nil, fmt.Errorf("%s was not written by \"tacetd confirm\"", path)
	}
	return &c, nil
}

var (
	plainText       = regexp.MustCompile(`^[\x20-\x7e]{1,100}$`)
	fingerprintForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
)

// check rejects what can't be entered in the ledger.
func (c *Confirmation) check() error {
	if c.Format != ConfirmationFormat || !plainText.MatchString(c.ID) || len(c.Recipients) == 0 ||
		len(c.Recipients) > maxConfirmed || len(c.Drives) > maxConfirmed {
		return errors.New("not a confirmation")
	}
	for _, u := range c.Drives {
		if !plainText.MatchString(u.Store) || !plainText.MatchString(u.Drive) || u.UUID != "" &&
			!plainText.MatchString(u.UUID) {
			return errors.New("not a drive")
		}
	}
	for _, r := range c.Recipients {
		if !fingerprintForm.MatchString(r) {
			return errors.New("not a fingerprint")
		}
	}
	return nil
}
