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

// Plan holds the checked files of all rooms, ready to be written.
type Plan struct {
	template Template
	signer   *office.Signer // signs the drives' marks; nil if no room has drives
	rooms    []filled
	given    map[string]given // the files beside the template, by SITE/ROOM/NAME
}

// given is a file that the office put beside the template.
type given struct {
	from string
	data []byte
}

// NewPlan fills in the template for each room, and reads the files that the template names. It
// writes nothing. signer may be nil if no room has drives. The error is a [config.Errors] that
// lists every mistake.
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

// place returns SITE/ROOM, from the config.
func (f filled) place() string { return f.cfg.Room.Site + "/" + f.cfg.Room.ID }

// own reports whether each unit has its own copy of a file, which provision generates if the office
// did not supply it: the broker's password, and the key for the backup server.
func (f filled) own(name string) bool {
	if m := f.cfg.MQTT; m != nil && m.PasswordFile == etc+"/"+name {
		return true
	}
	return slices.ContainsFunc(f.cfg.Stores, func(s config.Store) bool {
		return s.Kind == config.SFTP && s.Key == etc+"/"+name
	})
}

const maxGiven = 1 << 20 // bytes of a file beside the template

// gather reads the files that the template names: from SITE/ROOM beside the template if a room has
// its own, otherwise from the template's folder.
func (p *Plan) gather(f *filled) (wrong config.Errors) {
	for _, name := range sorted(f.secret) {
		var places []string
		if !f.signed[name] { // the check of the config read the signed files from the template's folder
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
					Instead: "repair or replace it"})
				break
			}
			p.given[f.place()+"/"+name] = given{from, data}
			break
		}
		if !found && !f.own(name) {
			wrong = append(wrong, config.Problem{File: p.template.file,
				What:    fmt.Sprintf("names %s/%s, but there is no file %s beside the template", etc, name, name),
				Instead: "put it there, or in SITE/ROOM there if each room has its own"})
		}
	}
	if len(f.room.Drives) > 0 {
		wrong = append(wrong, p.drives(f)...)
	}
	return wrong
}

// drives checks that a room's drives can be marked: the config needs exactly one drive store, and
// somebody has to sign.
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
		return fail(fmt.Sprintf("the list of rooms names drives, but the template has %d stores of kind \"drive\"", stores),
			"write exactly one, or remove the column drives and mark each drive with tacet drive init")
	}
	if p.signer == nil {
		return fail("the list of rooms names drives, but there is no key to sign them", "name the office's key with -i")
	}
	return nil
}

// together finds conflicts between rooms: two with the same id, or with the same user at the
// broker.
func (p *Plan) together() (wrong config.Errors) {
	users, places := map[string]string{}, map[string]string{}
	for _, f := range p.rooms {
		if other := places[f.place()]; other != "" {
			wrong = append(wrong, config.Problem{File: p.template.file, Line: p.template.lineOf("site"), Key: "room.site",
				What: fmt.Sprintf("gives two units the name %s", f.place()), Instead: `write site = "{site}"`})
		}
		places[f.place()] = f.place()
		m := f.cfg.MQTT
		if m == nil || m.Username == "" || m.PasswordFile == "" {
			continue
		}
		if slices.Contains(officeUsers, m.Username) {
			wrong = append(wrong, config.Problem{File: p.template.file, Line: p.template.lineOf("username"),
				Key: "mqtt.username", What: fmt.Sprintf("%q is an account of the office", m.Username),
				Instead: `write username = "{site}-{room}"`})
			continue
		}
		if other := users[m.Username]; other != "" && other != f.place() {
			wrong = append(wrong, config.Problem{File: p.template.file, Line: p.template.lineOf("username"),
				Key:     "mqtt.username",
				What:    fmt.Sprintf("is %q for both %s and %s, which have different passwords", m.Username, other, f.place()),
				Instead: `write username = "{site}-{room}"`})
			continue
		}
		users[m.Username] = f.place()
	}
	return wrong[:min(len(wrong), maxSaid)]
}

// sameErrors collects the errors of all rooms, and merges those that several rooms share.
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

// list returns each error once. It names the rooms unless all of them, by number, have the error.
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

// account returns USER@SERVER of an SFTP store, safe as a file name.
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

// Warnings returns a warning for each column of the list that the template does not use.
func (p *Plan) Warnings() (warnings []config.Problem) {
	if len(p.rooms) == 0 {
		return nil
	}
	for _, column := range p.rooms[0].room.columns() {
		if column != colSite && column != colRoom && column != colName && column != colDrives && !p.template.uses(column) {
			warnings = append(warnings, config.Problem{File: p.template.file,
				What:    fmt.Sprintf("does not use the list's column %q", column),
				Instead: "write {" + column + "} where it belongs, or remove the column"})
		}
	}
	return warnings
}
