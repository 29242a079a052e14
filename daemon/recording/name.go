package recording

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Extension ends the name of every recording's file.
const Extension = ".tacet"

// idAlphabet is lower-case base32 without i, l, o and u, so that an ID can be read aloud. An ID is
// idLength of them: 50 random bits.
const (
	idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	idLength   = 10
)

const stampLayout = "20060102T150405Z"

var (
	placePattern = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	partyPattern = regexp.MustCompile(`^[a-z-]{1,32}$`)
	namePattern  = regexp.MustCompile(`^([0-9]{8}T[0-9]{6}Z)_([a-z0-9-]{1,32})_([` + idAlphabet + `]{10})\.tacet$`)
)

// NewID returns a random ID for a recording.
func NewID() string {
	var b [idLength]byte
	rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = idAlphabet[b[i]%32]
	}
	return string(b[:])
}

// Name returns the file name of recording id, started in room.
func Name(started time.Time, room, id string) string {
	return started.UTC().Format(stampLayout) + "_" + room + "_" + id + Extension
}

// ParseName parses a file name. It accepts only what Name returns.
func ParseName(name string) (started time.Time, room, id string, err error) {
	m := namePattern.FindStringSubmatch(name)
	if m == nil {
		return time.Time{}, "", "", fmt.Errorf("%q is not the name of a recording", name)
	}
	started, err = time.Parse(stampLayout, m[1])
	if err != nil {
		return time.Time{}, "", "", fmt.Errorf("%q is not the name of a recording: %w", name, err)
	}
	return started, m[2], m[3], nil
}

// Origin returns the name of a recording's log: the first line of its checkpoints, and the name of
// its signing key.
func Origin(site, room, id string) string { return UnitName(site, room) + "/" + id }

// UnitName returns the name of a unit's key.
func UnitName(site, room string) string { return "tacet/" + site + "/" + room }

// NewUnitKey makes a unit's signing key. Provisioning collects vkey, the verifier key; skey stays
// on the unit.
func NewUnitKey(site, room string) (skey, vkey string, err error) {
	if err := checkPlace(site, room); err != nil {
		return "", "", err
	}
	return note.GenerateKey(rand.Reader, UnitName(site, room))
}

// checkPlace refuses a site or room that can't be used in a file name, an origin or a topic.
func checkPlace(site, room string) error {
	if !placePattern.MatchString(site) {
		return fmt.Errorf("site %q is not 1 to 32 of a-z, 0-9 and -", site)
	}
	if !placePattern.MatchString(room) {
		return fmt.Errorf("room %q is not 1 to 32 of a-z, 0-9 and -", room)
	}
	return nil
}

func checkID(id string) error {
	if len(id) != idLength || strings.Trim(id, idAlphabet) != "" {
		return fmt.Errorf("id %q is not %d of %s", id, idLength, idAlphabet)
	}
	return nil
}

var errNotOrigin = errors.New("not tacet/SITE/ROOM/ID")

// parseOrigin is the inverse of Origin.
func parseOrigin(s string) (site, room, id string, err error) {
	part := strings.Split(s, "/")
	if len(part) != 4 || part[0] != "tacet" || checkPlace(part[1], part[2]) != nil || checkID(part[3]) != nil {
		return "", "", "", errNotOrigin
	}
	return part[1], part[2], part[3], nil
}
