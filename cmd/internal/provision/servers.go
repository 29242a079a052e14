package provision

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tacet/config"
	"tacet/daemon/topic"
)

// forOffice collects the units' accounts at the broker and the backup servers.
type forOffice struct {
	accounts []mqttAccount
	ssh      map[string][]string // lines of authorized_keys, by USER@SERVER
}

type mqttAccount struct {
	names          topic.Names
	user, password string
}

// take records the account that a unit's file belongs to: its password, or its SSH key.
func (a *forOffice) take(f *filled, name string, data []byte) error {
	if m := f.cfg.MQTT; m != nil && m.PasswordFile == etc+"/"+name {
		a.accounts = append(a.accounts, mqttAccount{
			names: topic.Names{Site: f.cfg.Room.Site, Room: f.cfg.Room.ID, HomeAssistant: m.HomeAssistant},
			user:  m.Username, password: strings.TrimRight(string(data), "\r\n"),
		})
	}
	for _, s := range f.cfg.Stores {
		if s.Kind != config.SFTP || s.Key != etc+"/"+name {
			continue
		}
		line, err := authorized(data, f.place())
		if err != nil {
			return fmt.Errorf("%s %w", name, err)
		}
		if a.ssh == nil {
			a.ssh = map[string][]string{}
		}
		if at := account(s); !slices.Contains(a.ssh[at], line) {
			a.ssh[at] = append(a.ssh[at], line)
		}
	}
	return nil
}

// office writes the servers' lists, the labels of all rooms, and fleet.toml.
func (p *Plan) office(o *out, all forOffice) error {
	if err := all.broker(o); err != nil {
		return err
	}
	keep := map[string]bool{}
	for _, at := range slices.Sorted(maps.Keys(all.ssh)) {
		keep[at] = true
		if err := o.put(keysFolder+"/"+at, []byte(strings.Join(all.ssh[at], "\n")+"\n")); err != nil {
			return err
		}
	}
	if err := o.only(keysFolder, keep); err != nil {
		return err
	}
	var labels []labelled
	for _, f := range p.rooms {
		labels = append(labels, labelOf(f.cfg))
	}
	page, err := labelPage(labels, true)
	if err == nil {
		err = o.put(labelsFile, page)
	}
	if err != nil {
		return err
	}
	return p.fleet(o)
}

// broker writes Mosquitto's acl_file and password_file.
func (a forOffice) broker(o *out) error {
	if len(a.accounts) == 0 {
		return nil
	}
	old, err := o.read(passwdFile)
	if err != nil {
		return err
	}
	before := map[string]string{}
	for line := range strings.Lines(string(old)) {
		user, _, _ := strings.Cut(line, ":")
		before[user] = strings.TrimSpace(line)
	}
	own, ownRights, err := a.own(o)
	if err != nil {
		return err
	}
	var acl, passwd strings.Builder
	acl.WriteString("# Made by tacet provision, for Mosquitto's acl_file: each account's rights at the broker.\n")
	acl.WriteString(ownRights)
	for _, m := range slices.Concat(own, a.accounts) {
		line, err := mosquittoLine(m.user, m.password, before[m.user])
		if err != nil {
			return err
		}
		fmt.Fprintln(&passwd, line)
	}
	for _, m := range a.accounts {
		topics := []string{"write tacet/" + m.names.Site + "/" + m.names.Room + "/#"}
		if m.names.HomeAssistant != "" {
			topics = append(topics, "write "+m.names.Discovery(), "read "+m.names.Birth())
		}
		acl.WriteString(rights(m.user, topics...))
	}
	if err := o.put(aclFile, []byte(acl.String())); err != nil {
		return err
	}
	return o.put(passwdFile, []byte(passwd.String()))
}
