package provision

import (
	"fmt"
	"slices"
	"strings"

	"tacet/cmd/internal/fleet"
	"tacet/config"
	"tacet/config/office"
	"tacet/daemon/recording"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/topic"
)

// Names in a room's folder, and in the office's.
const (
	etcFolder    = "etc"
	drivesFolder = "drives"
	labelFile    = "label.html"

	officeFolder = "_office" // not a valid site, so it can't clash with one
	aclFile      = officeFolder + "/mosquitto.acl"
	passwdFile   = officeFolder + "/mosquitto.passwd"
	keysFolder   = officeFolder + "/authorized_keys"
	labelsFile   = officeFolder + "/labels.html"
	fleetFile    = officeFolder + "/" + fleet.File
)

// Done reports what a run did. Rooms are named SITE/ROOM.
type Done struct {
	Made, Changed, Same []string // rooms
	Gone                []string // rooms that are no longer in the list; their folders stay
	Office              []string // files in the office's folder that were written or removed
}

// Write writes the files that are new or have changed. If it is interrupted, run it again.
func (p *Plan) Write(folder string) (Done, error) {
	o, err := openOut(folder)
	if err != nil {
		return Done{}, fmt.Errorf("provision: %w", err)
	}
	defer o.Close()
	before, err := o.rooms()
	if err != nil {
		return Done{}, fmt.Errorf("provision: %w", err)
	}
	var done Done
	var all forOffice
	for i := range p.rooms {
		f := &p.rooms[i]
		if err := p.room(o, f, &all); err != nil {
			return done, fmt.Errorf("provision %s: %w", f.place(), err)
		}
		switch {
		case !slices.Contains(before, f.place()):
			done.Made = append(done.Made, f.place())
		case o.changed(f.place()):
			done.Changed = append(done.Changed, f.place())
		default:
			done.Same = append(done.Same, f.place())
		}
	}
	for _, place := range before {
		if !slices.ContainsFunc(p.rooms, func(f filled) bool { return f.place() == place }) {
			done.Gone = append(done.Gone, place)
		}
	}
	if err := p.office(o, all); err != nil {
		return done, fmt.Errorf("provision %s: %w", officeFolder, err)
	}
	for _, name := range o.wrote {
		if strings.HasPrefix(name, officeFolder+"/") {
			done.Office = append(done.Office, name)
		}
	}
	return done, nil
}

// room writes the files of one unit. It writes the config last, so a folder with a config is
// complete.
func (p *Plan) room(o *out, f *filled, all *forOffice) error {
	folder := f.place() + "/" + etcFolder + "/"
	keep := map[string]bool{configFile: true}
	for _, name := range sorted(f.secret) {
		keep[name] = true
		g, isGiven := p.given[f.place()+"/"+name]
		var data []byte
		var err error
		switch {
		case isGiven:
			data, err = g.data, o.put(folder+name, g.data)
		case f.cfg.MQTT != nil && f.cfg.MQTT.PasswordFile == etc+"/"+name:
			data, err = o.keep(folder+name, func() ([]byte, error) { return newPassword(), nil })
		default:
			data, err = o.keep(folder+name,
				func() ([]byte, error) { return newSSHKey(recording.UnitName(f.cfg.Room.Site, f.cfg.Room.ID)) })
		}
		if err == nil {
			err = all.take(f, name, data)
		}
		if err != nil {
			return err
		}
	}
	if err := o.only(f.place()+"/"+etcFolder, keep); err != nil {
		return err
	}
	if err := p.marks(o, f); err != nil {
		return err
	}
	label, err := labelPage([]labelled{labelOf(f.cfg)}, false)
	if err == nil {
		err = o.put(f.place()+"/"+labelFile, label)
	}
	if err == nil {
		err = o.put(folder+configFile, []byte(f.text))
	}
	return err
}

// marks writes the signed marks of a room's drives. Each is valid only on the file system with its
// UUID. A mark that is still valid stays as it is, since it may be on the drive already.
func (p *Plan) marks(o *out, f *filled) error {
	if len(f.room.Drives) == 0 {
		return nil
	}
	store := f.cfg.Stores[slices.IndexFunc(f.cfg.Stores, func(s config.Store) bool { return s.Kind == config.Drive })].Name
	for _, uuid := range f.room.Drives {
		name := f.place() + "/" + drivesFolder + "/" + uuid + "/" + mark.File
		data, err := o.read(name)
		if err != nil {
			return err
		}
		if m, err := mark.Parse(data); err == nil && m.For(f.cfg.Room.Site, f.cfg.Room.ID, store) && p.signed(f, m, uuid) {
			continue
		}
		m, err := mark.NewSigned(f.cfg.Room.Site, f.cfg.Room.ID, store, uuid, *p.signer)
		if err != nil {
			return err
		}
		if f.cfg.Office != nil && !p.signed(f, m, uuid) {
			return fmt.Errorf("the drives are signed with %s, but the config trusts %s", p.signer.Name(), f.cfg.Office.Key)
		}
		if err := o.put(name, m.Text()); err != nil {
			return err
		}
	}
	return nil
}

// signed reports whether the office that the unit trusts has signed a mark.
func (p *Plan) signed(f *filled, m mark.Mark, uuid string) bool {
	if f.cfg.Office == nil {
		return m.Signature != ""
	}
	key, err := office.ParseKey(f.cfg.Office.Key)
	return err == nil && m.SignedBy(key, uuid) == nil
}

// fleet updates fleet.toml. It keeps the keys that were collected, and marks rooms that are no
// longer in the list as gone.
func (p *Plan) fleet(o *out) error {
	data, err := o.read(fleetFile)
	if err != nil {
		return err
	}
	known := &fleet.Fleet{}
	if data != nil {
		if known, err = fleet.Parse(data); err != nil {
			return fmt.Errorf("%s: %w", fleetFile, err)
		}
	}
	for i := range known.Sites {
		for j := range known.Sites[i].Rooms {
			known.Sites[i].Rooms[j].Gone = true
		}
	}
	for _, f := range p.rooms {
		var prints []string
		for _, key := range f.cfg.Encrypt.Recipients {
			prints = append(prints, recording.Fingerprint(key))
		}
		r := known.Add(f.cfg.Room.Site, f.cfg.Room.ID)
		r.Name, r.Recipients, r.Gone = f.cfg.Room.Name, topic.RecipientsHash(prints), false
	}
	text, err := known.Text()
	if err != nil {
		return err
	}
	return o.put(fleetFile, text)
}
