// Package fleet is fleet.toml, what the office knows of its units: the sites and their rooms, who
// should be able to open what is recorded there, and the units' public keys as they are collected.
//
//	f, err := fleet.Read("out/office/fleet.toml")
//	room := f.Room("high-street", "room-3")
//	room.Learn(key)
//	err = f.Write("out/office/fleet.toml")
//
// "tacet provision" writes it, "tacet fleet add" adds keys, and whoever shows the practice's rooms
// reads it. It holds no secret. What is in it is trusted: it lies in the office.
package fleet

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/mod/sumdb/note"

	"tacet/config/textfile"
	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// File is the usual name.
const File = "fleet.toml"

const (
	maxFile  = 4 << 20 // bytes
	maxRooms = 10_000
	maxKeys  = 20 // of one room, in all its life
)

// Fleet is all the rooms of a practice, sorted by site and room.
type Fleet struct {
	Sites []Site `toml:"site"`
}

// Site is a house.
type Site struct {
	ID    string `toml:"id"`
	Rooms []Room `toml:"room"`
}

// Room is where a unit hangs.
type Room struct {
	ID         string   `toml:"id"`
	Name       string   `toml:"name,omitempty"`       // for people
	Recipients string   `toml:"recipients,omitempty"` // the hash that its unit should show over MQTT
	Key        string   `toml:"key,omitempty"`        // the unit's verifier key; "": not collected yet
	Earlier    []string `toml:"earlier,omitempty"`    // keys of units that hung here before, newest first
	// no longer in the list; its recordings are still proved with its keys
	Gone bool `toml:"gone,omitempty"`
}

const remark = `# The practice's units. Made by "tacet provision" and "tacet fleet add"; remarks of your own don't stay.
# key is the unit's public key: with it anybody can tell whether a recording came from that unit, whole.

`

var form = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Read reads a fleet. Where there is no file, it is fs.ErrNotExist.
func Read(name string) (*Fleet, error) {
	data, err := textfile.Read(name, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the fleet: %w", err)
	}
	f, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read the fleet: %s: %w", name, err)
	}
	return f, nil
}

// Parse reads a fleet from the file's text.
func Parse(data []byte) (*Fleet, error) {
	var f Fleet
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f)
	var strict *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return nil, fmt.Errorf("line %d: there is no such key", line)
	case errors.As(err, &bad):
		line, column := bad.Position()
		return nil, fmt.Errorf("line %d, column %d: %s", line, column, bad.Error())
	case err != nil:
		return nil, err
	}
	return &f, f.check()
}

// check refuses what no fleet of ours says.
func (f *Fleet) check() error {
	seen := map[string]bool{}
	for _, s := range f.Sites {
		if !form.MatchString(s.ID) {
			return fmt.Errorf("%q is no site's id", s.ID)
		}
		for _, r := range s.Rooms {
			place := s.ID + "/" + r.ID
			switch {
			case !form.MatchString(r.ID):
				return fmt.Errorf("%q is no room's id", r.ID)
			case seen[place]:
				return fmt.Errorf("%s stands there twice", place)
			case len(seen) == maxRooms:
				return fmt.Errorf("there are more than %d rooms", maxRooms)
			case len(r.Earlier) > maxKeys:
				return fmt.Errorf("%s has more than %d keys", place, maxKeys)
			}
			seen[place] = true
			for _, key := range r.Keys() {
				if site, room, err := Place(key); err != nil {
					return fmt.Errorf("%s: %w", place, err)
				} else if site+"/"+room != place {
					return fmt.Errorf("%s has a key of %s/%s", place, site, room)
				}
			}
		}
	}
	return nil
}

// Place is the site and the room of a unit's verifier key.
func Place(key string) (site, room string, err error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return "", "", errors.New("is no unit's key: those begin with tacet/")
	}
	parts := strings.Split(v.Name(), "/")
	if len(parts) != 3 || v.Name() != recording.UnitName(parts[1], parts[2]) || !form.MatchString(parts[1]) ||
		!form.MatchString(parts[2]) {
		return "", "", fmt.Errorf("is the key of %q, which is no unit's", v.Name())
	}
	return parts[1], parts[2], nil
}

// Keys are all the keys of a room, the unit's own first.
func (r *Room) Keys() []string {
	if r.Key == "" {
		return r.Earlier
	}
	return append([]string{r.Key}, r.Earlier...)
}

// Learn makes a key the unit's, and keeps the one before. It reports whether that changed anything.
func (r *Room) Learn(key string) (changed bool, err error) {
	if r.Key == key {
		return false, nil
	}
	earlier := slices.DeleteFunc(r.Keys(), func(k string) bool { return k == key })
	if len(earlier) > maxKeys {
		return false, fmt.Errorf("the room has had more than %d units", maxKeys)
	}
	r.Key, r.Earlier = key, earlier
	return true, nil
}

// Room finds a room; nil: there is none.
func (f *Fleet) Room(site, id string) *Room {
	for i := range f.Sites {
		for j := range f.Sites[i].Rooms {
			if f.Sites[i].ID == site && f.Sites[i].Rooms[j].ID == id {
				return &f.Sites[i].Rooms[j]
			}
		}
	}
	return nil
}

// Add finds a room, or makes it.
func (f *Fleet) Add(site, id string) *Room {
	if r := f.Room(site, id); r != nil {
		return r
	}
	at := slices.IndexFunc(f.Sites, func(s Site) bool { return s.ID == site })
	if at < 0 {
		f.Sites = append(f.Sites, Site{ID: site})
		at = len(f.Sites) - 1
	}
	f.Sites[at].Rooms = append(f.Sites[at].Rooms, Room{ID: id})
	f.sort()
	return f.Room(site, id)
}

func (f *Fleet) sort() {
	slices.SortFunc(f.Sites, func(a, b Site) int { return strings.Compare(a.ID, b.ID) })
	for i := range f.Sites {
		slices.SortFunc(f.Sites[i].Rooms, func(a, b Room) int { return strings.Compare(a.ID, b.ID) })
	}
}

// Text is the file.
func (f *Fleet) Text() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(remark)
	err := toml.NewEncoder(&out).SetArraysMultiline(true).Encode(f)
	return out.Bytes(), err
}

// Write puts the file in place, wholly or not at all.
func (f *Fleet) Write(name string) error {
	text, err := f.Text()
	if err != nil {
		return fmt.Errorf("write the fleet: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return fmt.Errorf("write the fleet: %w", err)
	}
	defer root.Close()
	if err := durable.WriteFile(durable.OS(root), filepath.Base(name), text); err != nil {
		return fmt.Errorf("write the fleet: %w", err)
	}
	return nil
}

// Missing reports whether an error says that there is no fleet yet.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
