package ledger

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// What happens to a unit and its recordings. There is no type for consent that was refused, or
// given by some and not by all, and no entry says why a recording ended: the ledger is read by
// people who were not in the room.
const (
	Boot     = "boot"     // the daemon started
	Config   = "config"   // with this configuration, and these who can open what it records
	Started  = "started"  // a recording: written with its head, before any of its sound
	Ended    = "ended"    // with so many leaves and this root
	Copied   = "copied"   // a store has it, read back and compared
	Released = "released" // the unit's own copy is gone, since the stores have it
	Erased   = "erased"   // it was removed from a store or the unit for good

	Recipients = "recipients" // these get what is recorded, from now on
	Drive      = "drive"      // this drive gets copies, from now on

	Reset = "reset" // the unit leaves the practice: its keys are destroyed next, and this is the last line

	// These the ledger writes itself, as the first line of a file.
	broken    = "broken"    // the ledger before this one did not hold; it was put aside
	missing   = "missing"   // the unit had a key, and neither a ledger nor a head
	continued = "continued" // the file before this one had grown too long; the tree goes on
)

// Synced says in an entry that the unit's clock was set, so that its time can be relied on. Entries
// of earlier versions don't say.
const Synced = "synced"

// By says on whose word recipients or a drive get something.
const (
	FirstUse  = "first-use" // nobody's: they were there at the unit's first start
	ByOffice  = "office"    // the office's signature
	Confirmed = "confirmed" // somebody confirmed it at the unit
	ByConfig  = "config"    // the configuration's, which took some away
	Renewed   = "renewed"   // as before: the entry was old, and old entries go
)

const (
	maxText = 200     // bytes of one field
	maxList = 64      // entries of one list
	maxLine = 1 << 14 // bytes of a line; what the limits above allow fits
)

// Entry is one line. Which fields belong to which type, fieldsOf says.
type Entry struct {
	Type string    `json:"type"`
	Time time.Time `json:"time"` // kept to the second, in UTC

	Boot    string `json:"boot,omitempty"`
	Version string `json:"version,omitempty"` // of the software

	Config     string   `json:"config,omitempty"`     // hash
	Recipients []string `json:"recipients,omitempty"` // fingerprints

	ID     string `json:"id,omitempty"`     // the recording's
	Note   string `json:"note,omitempty"`   // SHA-256 of recording.note, hex
	Leaves int64  `json:"leaves,omitempty"` // of the recording's tree
	Root   string `json:"root,omitempty"`   // of the recording's tree; or of the ledger before
	Store  string `json:"store,omitempty"`
	Clock  string `json:"clock,omitempty"` // Synced, or nothing

	Drive        string `json:"drive,omitempty"`        // the ID in its mark
	UUID         string `json:"uuid,omitempty"`         // of its file system; empty where it can't be told
	By           string `json:"by,omitempty"`           // on whose word
	Confirmation string `json:"confirmation,omitempty"` // the ID of what was confirmed

	Size int64    `json:"size,omitempty"` // leaves of the ledger before
	Edge []string `json:"edge,omitempty"` // hashes that its tree is continued from
	Why  string   `json:"why,omitempty"`  // it did not hold
	Kept string   `json:"kept,omitempty"` // the file that it was put aside in

	// Salt is random, so that a line can't be guessed from the hash of its leaf. The ledger fills
	// it in. Lines of earlier versions have none.
	Salt string `json:"salt,omitempty"`
}

// newSalt returns 16 random bytes in base64.
func newSalt() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// fieldsOf names the fields that an entry must have and those that it may have; all others it must
// not.
var fieldsOf = map[string]struct{ must, may []string }{
	Boot:     {must: []string{"boot"}, may: []string{"version"}},
	Config:   {must: []string{"config", "recipients"}},
	Started:  {must: []string{"id", "note"}},
	Ended:    {must: []string{"id", "leaves", "root"}},
	Copied:   {must: []string{"id", "store"}, may: []string{"clock"}},
	Released: {must: []string{"id"}},
	Erased:   {must: []string{"id"}, may: []string{"store"}},

	Recipients: {must: []string{"recipients", "by"}, may: []string{"confirmation"}},
	Drive:      {must: []string{"store", "drive", "by"}, may: []string{"uuid"}},
	Reset:      {may: []string{"version"}},

	broken:    {must: []string{"why"}, may: []string{"size", "root", "kept"}},
	missing:   {},
	continued: {must: []string{"size", "root", "edge"}},
}

// line is the entry as it is written, without the newline. It is another one each time, by its
// salt.
func (e Entry) line() ([]byte, error) {
	e.Time, e.Salt = e.Time.UTC().Truncate(time.Second), newSalt()
	if err := e.check(); err != nil {
		return nil, err
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if len(line) > maxLine {
		return nil, fmt.Errorf("ledger entry %s has %d bytes, more than %d", e.Type, len(line), maxLine)
	}
	return line, nil
}

// check refuses what is no entry: an unknown type, a field too few or too many, text that has no
// place in a log.
func (e Entry) check() error {
	fields, ok := fieldsOf[e.Type]
	if !ok {
		return fmt.Errorf("ledger entry of unknown type %q", e.Type)
	}
	if y := e.Time.Year(); y < 1970 || y > 9999 {
		return fmt.Errorf("ledger entry %s without a time", e.Type)
	}
	if e.Clock != "" && e.Clock != Synced {
		return fmt.Errorf("ledger entry %s says of the clock %q", e.Type, e.Clock)
	}
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		must, may := slices.Contains(fields.must, name), slices.Contains(fields.may, name)
		switch empty := v.Field(i).IsZero(); {
		case name == "type" || name == "time" || name == "salt":
			continue
		case must && empty:
			return fmt.Errorf("ledger entry %s without %s", e.Type, name)
		case !must && !may && !empty:
			return fmt.Errorf("ledger entry %s must not have %s", e.Type, name)
		}
		if err := plain(v.Field(i).Interface()); err != nil {
			return fmt.Errorf("ledger entry %s: %s %w", e.Type, name, err)
		}
	}
	return nil
}

// plain refuses text that is too long or not printable.
func plain(field any) error {
	texts, list := field.([]string)
	if text, ok := field.(string); ok {
		texts = []string{text}
	}
	if list && len(texts) > maxList {
		return fmt.Errorf("has %d entries, more than %d", len(texts), maxList)
	}
	for _, text := range texts {
		if len(text) > maxText {
			return fmt.Errorf("has %d bytes, more than %d", len(text), maxText)
		}
		if strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
			return fmt.Errorf("is not plain text: %q", text)
		}
	}
	return nil
}

// Anew reports whether the entry says that the ledger before this one is gone: it was missing, or
// did not hold.
func (e Entry) Anew() bool { return e.Type == broken || e.Type == missing }

// Continues reports whether the entry continues a file before it.
func (e Entry) Continues() bool { return e.Type == continued }

// isEntry reports whether a line can be one of ours, of this version of the software or another:
// what a torn write leaves is none.
func isEntry(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"type":"`)) && json.Valid(line) }
