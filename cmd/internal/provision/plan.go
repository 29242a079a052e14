package provision

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tacet/config"
	"tacet/config/office"
	"tacet/config/textfile"
)

// Plan is what the rooms of a list get. Making it writes nothing.
type Plan struct {
	template Template
	signer   *office.Signer // nil: no drive is marked
	rooms    []filled
	given    map[string]given // by SITE/ROOM/NAME: the files beside the template
}

// given is a file that somebody has laid beside the template.
type given struct {
	from string
	data []byte
}

// NewPlan fills the template in for each room and reads the files that it names beside it. The
// signer may be nil where no room has drives. The error is a [config.Errors] with all that is
// wrong.
func NewPlan(t Template, rooms []Room, signer *office.Signer) (*Plan, error) {
	p := &Plan{template: t, signer: signer, given: map[string]given{}}
	var all sameErrors
	for _, r := range rooms {
		f := t.fillIn(r)
		all.add(r.where(), f.refused)
		if f.cfg != nil && len(f.refused) == 0 {
			all.add(r.where(), p.gather(&f))
		}
		p.rooms = append(p.rooms, f)
	}
	errs := all.list(len(rooms))
	if len(errs) == 0 {
		errs = p.together()
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return p, nil
}

// place is SITE/ROOM, as the config has them.
func (f filled) place() string { return f.cfg.Room.Site + "/" + f.cfg.Room.ID }

// own reports whether a file is each unit's own, and made here where nobody gave it.
func (f filled) own(name string) bool {
	if m := f.cfg.MQTT; m != nil && m.PasswordFile == etc+"/"+name {
		return true
	}
	return slices.ContainsFunc(f.cfg.Stores, func(s config.Store) bool {
		return s.Kind == config.SFTP && s.Key == etc+"/"+name
	})
}

const maxGiven = 1 << 20 // bytes of a file beside the template

// gather reads the files that lie beside the template: for one room in SITE/ROOM, for all of them
// in the template's own folder.
func (p *Plan) gather(f *filled) (wrong config.Errors) {
	for _, name := range sorted(f.secret) {
		var places []string
		if !f.signed[name] { // those of all rooms were checked, and no others
			places = append(places, filepath.Join(p.template.dir(), f.cfg.Room.Site, f.cfg.Room.ID, name))
		}
		if !f.own(name) {
			places = append(places, filepath.Join(p.template.dir(), name))
		}
		found := false
		for _, from := range places {
			data, err := textfile.Bytes(from, maxGiven)
			if os.IsNotExist(err) {
				continue
			}
			found = true
			if err != nil {
				wrong = append(wrong, config.Problem{File: p.template.file,
					What:    fmt.Sprintf("the file %s can't be read: %v", from, err),
					Instead: "mend it, or put another there"})
				break
			}
			p.given[f.place()+"/"+name] = given{from, data}
			break
		}
		if !found && !f.own(name) {
			wrong = append(wrong, config.Problem{File: p.template.file,
				What:    fmt.Sprintf("names %s/%s, and there is no file %s beside it", etc, name, name),
				Instead: "put it there; or, if each room has its own, into the folders SITE/ROOM there"})
		}
	}
	if len(f.room.Drives) > 0 {
		wrong = append(wrong, p.drives(f)...)
	}
	return wrong
}

// drives wants what it takes to mark a room's drives.
func (p *Plan) drives(f *filled) config.Errors {
	stores := 0
	for _, s := range f.cfg.Stores {
		if s.Kind == config.Drive {
			stores++
		}
	}
	fail := func(what, instead string) config.Errors {
		return config.Errors{{File: p.template.file, What: what, Instead: instead}}
	}
	if stores != 1 {
		return fail(fmt.Sprintf("has %d stores of kind \"drive\", and the list of rooms names drives", stores),
			"write one, or take the column drives from the list, and mark each drive with tacet drive init")
	}
	if p.signer == nil {
		return fail("the list of rooms names drives, and nobody signs for them", "name the office's key with -i")
	}
	return nil
}

// together looks at what can only be wrong between rooms.
func (p *Plan) together() (wrong config.Errors) {
	users, places := map[string]string{}, map[string]string{}
	for _, f := range p.rooms {
		if other := places[f.place()]; other != "" {
			wrong = append(wrong, config.Problem{File: p.template.file, Line: p.template.lineOf("site"), Key: "room.site",
				What: fmt.Sprintf("makes two units %s", f.place()), Instead: `write site = "{site}"`})
		}
		places[f.place()] = f.place()
		m := f.cfg.MQTT
		if m == nil || m.Username == "" || m.PasswordFile == "" {
			continue
		}
		if other := users[m.Username]; other != "" && other != f.place() {
			wrong = append(wrong, config.Problem{File: p.template.file, Line: p.template.lineOf("username"),
				Key:     "mqtt.username",
				What:    fmt.Sprintf("is %q for %s and for %s, and each has its own password", m.Username, other, f.place()),
				Instead: `write username = "{site}-{room}"`})
			continue
		}
		users[m.Username] = f.place()
	}
	return wrong[:min(len(wrong), maxSaid)]
}

// sameErrors collects what is wrong with several rooms, and says once what is wrong with all.
type sameErrors struct {
	order []config.Problem
	rooms map[config.Problem][]string
}

func (s *sameErrors) add(room string, errs config.Errors) {
	if s.rooms == nil {
		s.rooms = map[config.Problem][]string{}
	}
	for _, p := range errs {
		if s.rooms[p] == nil {
			s.order = append(s.order, p)
		}
		if !slices.Contains(s.rooms[p], room) {
			s.rooms[p] = append(s.rooms[p], room)
		}
	}
}

// list is what is wrong, with the rooms that it is wrong with where it isn't all of them.
func (s *sameErrors) list(all int) (errs config.Errors) {
	for _, p := range s.order {
		rooms := s.rooms[p]
		if len(rooms) < all {
			p.What += ", in " + rooms[0]
			if more := len(rooms) - 1; more > 0 {
				p.What += fmt.Sprintf(" and %d more", more)
			}
		}
		errs = append(errs, p)
	}
	slices.SortStableFunc(errs, func(a, b config.Problem) int { return a.Line - b.Line })
	return errs[:min(len(errs), maxSaid)]
}

// account is the user and the server of an SFTP store, as the name of a file.
func account(s config.Store) string {
	u, err := url.Parse(s.URL)
	if err != nil || u.User == nil {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || r < ' ' {
			return '_'
		}
		return r
	}, u.User.Username()+"@"+u.Hostname())
}

// Warnings are what is doubtful in the list and the template together.
func (p *Plan) Warnings() (warnings []config.Problem) {
	if len(p.rooms) == 0 {
		return nil
	}
	for _, column := range p.rooms[0].room.columns() {
		if column != colSite && column != colRoom && column != colName && column != colDrives && !p.template.uses(column) {
			warnings = append(warnings, config.Problem{File: p.template.file,
				What:    fmt.Sprintf("asks for nothing of the list's column %q", column),
				Instead: "write {" + column + "} where it belongs, or leave the column out"})
		}
	}
	return warnings
}
