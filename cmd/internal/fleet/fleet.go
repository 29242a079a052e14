// Package fleet reads and writes fleet.toml, the office's list of its units: sites and rooms, who
// should be able to open their recordings, and the units' public keys once they are collected.
//
//	f, err := fleet.Read("out/_office/fleet.toml")
//	room := f.Room("high-street", "room-3")
//	changed, err := room.Learn(key)
//	err = f.Write("out/_office/fleet.toml")
//
// "tacet provision" writes the file, and "tacet fleet add" adds keys. It holds no secrets. Programs
// trust its content, since it stays in the office.
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

// File is the file's usual name.
const File = "fleet.toml"

const (
	maxFile  = 4 << 20 // bytes
	maxRooms = 10_000
	maxKeys  = 20 // earlier keys of one room
)

// Fleet lists all rooms of a practice, sorted by site and room.
type Fleet struct {
	Sites []Site `toml:"site"`
}

// Site is one building.
type Site struct {
	ID    string `toml:"id"`
	Rooms []Room `toml:"room"`
}

// Room is one room, with its unit.
type Room struct {
	ID         string   `toml:"id"`
	Name       string   `toml:"name,omitempty"`       // for people
	Recipients string   `toml:"recipients,omitempty"` // hash that the unit should publish over MQTT
	Key        string   `toml:"key,omitempty"`        // the unit's verifier key; "" until collected
	Earlier    []string `toml:"earlier,omitempty"`    // verifier keys of the room's earlier units, newest first
	// Gone: the room is no longer in the list. Its keys still verify its recordings.
	Gone bool `toml:"gone,omitempty"`
}

const header = `# The practice's units. Made by "tacet provision" and "tacet fleet add", which drop other comments.
# key is the unit's public key: it verifies that a recording came from that unit and is complete.

`

var form = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Read reads a file. [Missing] tells whether the error is that there is none.
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

// Parse parses the content of a file.
func Parse(data []byte) (*Fleet, error) {
	var f Fleet
	if err := textfile.TOML(data, &f); err != nil {
		return nil, err
	}
	return &f, f.check()
}

// check reports invalid or duplicate rooms, and keys that belong to another room.
func (f *Fleet) check() error {
	seen := map[string]bool{}
	for _, s := range f.Sites {
		if !form.MatchString(s.ID) {
			return fmt.Errorf("%q is not a valid site id", s.ID)
		}
		for _, r := range s.Rooms {
			place := s.ID + "/" + r.ID
			switch {
			case !form.MatchString(r.ID):
				return fmt.Errorf("%q is not a valid room id", r.ID)
			case seen[place]:
				return fmt.Errorf("%s appears twice", place)
			case len(seen) == maxRooms:
				return fmt.Errorf("there are more than %d rooms", maxRooms)
			case len(r.Earlier) > maxKeys:
				return fmt.Errorf("%s has more than %d earlier keys", place, maxKeys)
			}
			seen[place] = true
			for _, key := range r.Keys() {
				if site, room, err := Place(key); err != nil {
					return fmt.Errorf("%s: %w", place, err)
				} else if site+"/"+room != place {
					return fmt.Errorf("%s has the key of %s/%s", place, site, room)
				}
			}
		}
	}
	return nil
}

// Place returns the site and room of a unit's verifier key.
func Place(key string) (site, room string, err error) {
	v, err := note.NewVerifier(key)
	if err != nil {
		return "", "", errors.New("is not a unit's key, which starts with tacet/")
	}
	parts := strings.Split(v.Name(), "/")
	if len(parts) != 3 || v.Name() != recording.UnitName(parts[1], parts[2]) || !form.MatchString(parts[1]) ||
		!form.MatchString(parts[2]) {
		return "", "", fmt.Errorf("is the key of %q, which is not a unit", v.Name())
	}
	return parts[1], parts[2], nil
}

// Keys returns all keys of a room, the current one first.
func (r *Room) Keys() []string {
	if r.Key == "" {
		return r.Earlier
	}
	return append([]string{r.Key}, r.Earlier...)
}

// Learn sets the room's current key, and keeps the one before as an earlier key. It reports whether
// the key is new.
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

// Room returns a room, or nil if there is none.
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

// Add returns a room, and adds it if there is none.
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

// Text returns the content of the file.
func (f *Fleet) Text() ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.WriteString(header)
	err := toml.NewEncoder(&out).SetArraysMultiline(true).Encode(f)
	return out.Bytes(), err
}

// Write writes the file atomically.
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

// Missing reports whether an error of [Read] means that the file does not exist.
func Missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
