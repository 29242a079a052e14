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

// Types of entries. No entry tells of consent that was refused or only half given, or why a
// recording ended: people who were not in the room read the ledger.
const (
	Boot     = "boot"     // the daemon started
	Config   = "config"   // its configuration, and who can open its recordings
	Started  = "started"  // a recording started; written with its head, before any sound
	Ended    = "ended"    // it ended, with so many leaves and this root
	Copied   = "copied"   // a store has it, read back and compared
	Released = "released" // the unit's own copy was removed, since the stores have it
	Erased   = "erased"   // it was removed from a store or the unit for good

	Recipients = "recipients" // recordings are sealed to these from now on
	Drive      = "drive"      // this drive gets copies from now on

	Reset = "reset" // the unit leaves the practice: its keys are destroyed next, and this is the last line

	// Written by the ledger itself, as the first line of a file.
	broken    = "broken"    // the ledger before this one was broken and was put aside
	missing   = "missing"   // the unit had a key, but neither a ledger nor a head
	continued = "continued" // the file before this one was full; the tree continues
)

// Synced in an entry says that the unit's clock was set, so that its time is reliable. Entries of
// versions before 1.0 don't have it.
const Synced = "synced"

// By says who authorised recipients or a drive.
const (
	FirstUse  = "first-use" // nobody: they were there at the unit's first start
	ByOffice  = "office"    // the office's signature
	Confirmed = "confirmed" // somebody at the unit
	ByConfig  = "config"    // the configuration, which removed some
	Renewed   = "renewed"   // as before; written again because old entries are removed
)

const (
	maxText = 200     // bytes of one field
	maxList = 64      // entries of one list
	maxLine = 1 << 14 // bytes of a line; fits all that the limits above allow
)

// Entry is one line. fieldsOf says which fields belong to which type.
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
	Root   string `json:"root,omitempty"`   // of the recording's tree, or of the ledger before
	Store  string `json:"store,omitempty"`
	Clock  string `json:"clock,omitempty"` // Synced, or nothing

	Drive        string `json:"drive,omitempty"`        // the ID in its mark
	UUID         string `json:"uuid,omitempty"`         // of its file system; empty if unknown
	By           string `json:"by,omitempty"`           // who authorised it
	Confirmation string `json:"confirmation,omitempty"` // ID of what was confirmed

	Size int64    `json:"size,omitempty"` // leaves of the ledger before
	Edge []string `json:"edge,omitempty"` // hashes that continue its tree
	Why  string   `json:"why,omitempty"`  // why it was broken
	Kept string   `json:"kept,omitempty"` // file that it was put aside in

	// Salt is random, so that nobody can guess a line from the hash of its leaf. The ledger sets
	// it. Lines of earlier versions have none.
	Salt string `json:"salt,omitempty"`
}

// newSalt returns 16 random bytes in base64.
func newSalt() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return base64.StdEncoding.EncodeToString(b[:])
}

// fieldsOf names the fields that an entry must and may have. It must not have others.
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

// line encodes the entry, without a newline. The salt makes each call's result different.
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

// check refuses an unknown type, missing or extra fields, and text that doesn't belong in a log.
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

// Anew reports whether the entry says that the ledger before this one was missing or broken.
func (e Entry) Anew() bool { return e.Type == broken || e.Type == missing }

// Continues reports whether the entry continues a file before it.
func (e Entry) Continues() bool { return e.Type == continued }

// isEntry reports whether a line may be an entry, of this version or another. The remains of a torn
// write are not.
func isEntry(line []byte) bool { return bytes.HasPrefix(line, []byte(`{"type":"`)) && json.Valid(line) }
