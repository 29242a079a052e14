package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/provision"
	"tacet/config"
	"tacet/config/office"
)

var provisionCommand = cli.Command{
	Name:  "provision",
	Usage: "[-i KEY] -template FILE -o DIR ROOMS.csv | -o DIR -packages DIR -card PATH ROOM",
	About: "make what each room's unit gets, and put it on its card",
	Help: `
Of a list of rooms, as a spreadsheet saves it (CSV), and a template, which is a config with {room},
{site}, {name} and the list's other columns in it, it makes in DIR for each room its config, its
password at the broker, its key at the backup server, a label with a QR code, and the marks of its
thumb drives; and, in _office, what the servers' administrators and the office get: mosquitto.acl,
mosquitto.passwd, authorized_keys, labels.html, fleet.toml.

    tacet provision -template tacet.toml -o out rooms.csv

The list needs a column room; site, name and drives (the UUIDs of the room's thumb drives, as blkid
shows them; then -i names the office's key, which signs) mean what they say. Files that the template
names lie beside it; what is one room's own, in SITE/ROOM there. Run again, it changes what has
changed. Passwords and keys are made once, and anew where you remove them. DIR holds secrets.

With -card it prepares a freshly imaged SD card for one of these rooms: PATH is the card's boot
partition, which every computer shows. The unit then sets itself up when it first starts, without a
network. The packages are those that make bundle brings together.

    tacet provision -o out -packages bundle -card /media/bootfs room-3`,
	Run: provisionRun,
}

// provisionFlags are the flags of both forms.
type provisionFlags struct {
	out, template, key, passphraseFile string
	card, packages, format             string
	replace                            bool
}

func provisionRun(env *cli.Env, args []string) error {
	flags := env.Flags()
	var p provisionFlags
	flags.StringVar(&p.out, "o", "", "the `DIR` of all that is made")
	flags.StringVar(&p.template, "template", "", "the template, a config `FILE`")
	flags.StringVar(&p.key, "i", "", "mark drives with the office's `KEY`; the signing key lies beside it")
	flags.StringVar(&p.passphraseFile, "passphrase-file", "", "take the key's passphrase from `FILE`, and don't ask")
	flags.StringVar(&p.card, "card", "", "prepare the SD card whose boot partition is mounted at `PATH`")
	flags.StringVar(&p.packages, "packages", "", "the `DIR` of the packages for the units")
	flags.StringVar(&p.format, "format", "",
		"how the card's image is set up at its first start, where it isn't told right: `systemd`, cloud-init or preseed")
	flags.BoolVar(&p.replace, "replace", false, "take a card over that was prepared for another room")
	operands, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case p.out == "":
		return env.Usage("-o names no folder")
	case p.card != "" && p.template != "":
		return env.Usage("-card takes what was made before; leave -template away")
	case p.card != "" && p.packages == "":
		return env.Usage("-packages names no folder of packages")
	case p.card != "" && len(operands) != 1:
		return env.Usage("-card needs one room, as SITE/ROOM")
	case p.card != "":
		return p.prepare(env, operands[0])
	case p.template == "":
		return env.Usage("-template names no file")
	case len(operands) != 1:
		return env.Usage("provision needs one list of rooms")
	}
	return p.rooms(env, operands[0])
}

// rooms makes what the rooms of a list get.
func (p provisionFlags) rooms(env *cli.Env, list string) error {
	rooms, warnings, err := provision.ReadRooms(list)
	for _, w := range warnings {
		env.Warn("%s", w)
	}
	if err != nil {
		return refuse(env, err, "the list of rooms can't be used; nothing was changed")
	}
	template, err := provision.ReadTemplate(p.template)
	if err != nil {
		return err
	}
	var signer *office.Signer
	if p.key != "" {
		s, err := openSigner(env, p.key, p.passphraseFile)
		if err != nil {
			return err
		}
		signer = &s
	}
	plan, err := provision.NewPlan(template, rooms, signer)
	if err != nil {
		return refuse(env, err, "the template can't be used for these rooms; nothing was changed")
	}
	for _, w := range plan.Warnings() {
		env.Warn("%s", w)
	}
	done, err := plan.Write(p.out)
	if err := printRooms(env, done); err != nil {
		return err
	}
	if err != nil {
		return cli.WithHint(err, "run it again: it goes on where it stopped")
	}
	for _, name := range done.Office {
		if err := env.Printf("%s: for the office\n", filepath.ToSlash(filepath.Join(p.out, name))); err != nil {
			return err
		}
	}
	env.Note("%d rooms: %d made, %d changed, %d as they were; %s holds secrets, keep it in the office", len(rooms),
		len(done.Made),
		len(done.Changed), len(done.Same), p.out)
	return nil
}

// printRooms prints what was done with each room.
func printRooms(env *cli.Env, done provision.Done) error {
	for _, line := range []struct {
		what  string
		rooms []string
	}{
		{"made", done.Made}, {"changed", done.Changed},
		{"no longer in the list; remove the folder when nobody needs it", done.Gone},
	} {
		for _, room := range line.rooms {
			if err := env.Printf("%s: %s\n", room, line.what); err != nil {
				return err
			}
		}
	}
	return nil
}

// refuse prints what is wrong as tacet check does.
func refuse(env *cli.Env, err error, verdict string) error {
	var errs config.Errors
	if !errors.As(err, &errs) {
		return err
	}
	for _, e := range errs {
		if err := printFinding(env, "error", e); err != nil {
			return err
		}
	}
	return cli.Exit(cli.ExitFailed, errors.New(verdict))
}

// prepare puts what a room's unit gets on the card that it starts from.
func (p provisionFlags) prepare(env *cli.Env, room string) error {
	kit, err := provision.Find(p.out, room)
	if err != nil {
		return err
	}
	packages, err := provision.Packages(p.packages)
	if err != nil {
		return cli.WithHint(err, "\"make bundle\" brings the packages together")
	}
	card, err := provision.OpenCard(p.card, provision.Format(p.format))
	if err != nil {
		return err
	}
	defer card.Close()
	said, err := card.Prepare(kit, packages, p.replace)
	for _, warning := range said {
		env.Warn("%s", warning)
	}
	if err != nil {
		return fmt.Errorf("prepare the card: %w", err)
	}
	env.Note("%s is ready for %s (first start by %s, packages for %s); eject it before you pull it out", p.card,
		kit.Place(),
		card.Format(), strings.Join(packages.Architectures(), " and "))
	env.Note("it carries the room's secrets until the unit has started; the unit removes them then, but flash may keep what was removed")
	return nil
}
