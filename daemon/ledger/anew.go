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

// An origin's ID is lower-case base32 without i, l, o and u; 16 of them are 80 random bits.
const (
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength   = 16
)

// newOrigin is what the heads of a ledger start with that is begun anew.
func (l *Ledger) newOrigin() string {
	var id [idLength]byte
	rand.Read(id[:]) // never fails
	for i := range id {
		id[i] = idAlphabet[id[i]%32]
	}
	return l.place + "/" + string(id[:])
}

// originOf reports whether an origin is that of one of a place's ledgers: the place itself, as
// earlier versions had it, or with an ID.
func originOf(place, origin string) bool {
	rest, ok := strings.CutPrefix(origin, place)
	id, named := strings.CutPrefix(rest, "/")
	return ok && (rest == "" || named && len(id) == idLength && strings.Trim(id, idAlphabet) == "")
}

// markerSuffix ends the name of the file that says that the ledger was missing.
const markerSuffix = ".new"

// markMissing writes down, before a new ledger is begun, that the one before was not there. An
// interruption after it changes nothing: the next Open finds the file.
func (l *Ledger) markMissing() error {
	text := fmt.Sprintf("At %s (by the unit's clock) the unit had a key, but no %s and no %s%s, and began a new one.\n"+
		"Find out who removed them. Then remove this file; at the next start the warning goes.\n",
		time.Now().UTC().Format(time.RFC3339), l.name, l.name, headSuffix)
	return durable.WriteFile(l.fs, l.name+markerSuffix, []byte(text))
}

// sayMissing makes it the first entry of a new ledger that there was none before, and remembers it
// while the file says so.
func (l *Ledger) sayMissing() error {
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

// MissingError tells of a ledger that was not there, although the unit had a key.
type MissingError struct {
	Marker string // the file that keeps saying so
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("neither the ledger nor its signed head was there, and a new one was begun; see %s", e.Marker)
}

// Code is the warning that goes with it.
func (e *MissingError) Code() health.Code { return health.LedgerNew }
