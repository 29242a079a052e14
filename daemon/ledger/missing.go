package ledger

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/health"
)

// An origin's ID is idLength of lower-case base32 without i, l, o and u: 80 random bits.
const (
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength   = 16
)

// newOrigin returns a new origin.
func (l *Ledger) newOrigin() string {
	var id [idLength]byte
	rand.Read(id[:]) // never fails
	for i := range id {
		id[i] = idAlphabet[id[i]%32]
	}
	return l.place + "/" + string(id[:])
}

// originOf reports whether origin belongs to a ledger of place: place itself, as in earlier
// versions, or with an ID.
func originOf(place, origin string) bool {
	rest, ok := strings.CutPrefix(origin, place)
	id, named := strings.CutPrefix(rest, "/")
	return ok && (rest == "" || named && len(id) == idLength && strings.Trim(id, idAlphabet) == "")
}

// markerSuffix ends the name of the file that says that the ledger was missing.
const markerSuffix = ".new"

// markMissing writes the marker file, before a new ledger is made. If that is interrupted the next
// Open finds the file.
func (l *Ledger) markMissing() error {
	text := fmt.Sprintf("At %s (by the unit's clock) the unit had a key, but no %s and no %s%s. "+
		"It started a new ledger.\n"+
		"Find out who removed them. Then remove this file; the warning goes at the next start.\n",
		time.Now().UTC().Format(time.RFC3339), l.name, l.name, headSuffix)
	return durable.WriteFile(l.fs, l.name+markerSuffix, []byte(text))
}

// recordMissing sets the warning if the marker file exists, and makes it the first entry of a new
// ledger.
func (l *Ledger) recordMissing() error {
	_, err := l.fs.Stat(l.name + markerSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l.missing = &MissingError{l.name + markerSuffix}
	if l.tree.size > 0 {
		return nil
	}
	line, err := Entry{Type: missing, Time: time.Now()}.line()
	if err != nil {
		return err
	}
	if err := l.append(line); err != nil {
		return err
	}
	return l.saveHead()
}

// MissingError reports a ledger that was missing although the unit had a key.
type MissingError struct {
	Marker string // name of the marker file
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("neither the ledger nor its signed head existed, and a new one was started; see %s", e.Marker)
}

// Code returns the warning to raise.
func (e *MissingError) Code() health.Code { return health.LedgerNew }
