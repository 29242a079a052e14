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
	About: "set up many units from a list of rooms, and prepare their SD cards",
	Help: `
Creates the files of every room's unit in DIR, from a list of rooms and a template.

    tacet provision -template tacet.toml -o out rooms.csv

The list is a CSV file. It needs a column room; site, name and drives are optional, and you can add
others. drives holds the UUIDs of the room's thumb drives, as blkid shows them; their marks are
signed with the office's key, which -i names. The template is a config in which {room} or {site}
stands for the room's value in that column. Put the files that it names beside it, or in SITE/ROOM
there if a room has its own.

In DIR, each room gets its config, its password for the broker, its key for the backup server, a
label with a QR code, and the marks of its drives. The folder _office gets the servers' lists of
accounts, all labels, and fleet.toml. DIR holds secrets. If you run it again, it writes only what
has changed. It keeps passwords and keys; to replace one, remove its file first.

With -card, it prepares a newly imaged SD card for one room instead. PATH is where the card's boot
partition is mounted. At its first start, the unit sets itself up without a network. "make bundle"
collects the packages for -packages.

    tacet provision -o out -packages dist/bundle -card /media/bootfs room-3`,
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
	flags.StringVar(&p.out, "o", "", "the `DIR` for the rooms' files")
	flags.StringVar(&p.template, "template", "", "the template, a config `FILE`")
	flags.StringVar(&p.key, "i", "", "sign drives with the office's `KEY`; its signing key is beside it")
	flags.StringVar(&p.passphraseFile, "passphrase-file", "", "read the key's passphrase from `FILE` instead of asking")
	flags.StringVar(&p.card, "card", "", "prepare the SD card whose boot partition is mounted at `PATH`")
	flags.StringVar(&p.packages, "packages", "", "the `DIR` with the units' packages")
	flags.StringVar(&p.format, "format", "",
		"how the image is customised, if it is not detected correctly: `systemd`, cloud-init or preseed")
	flags.BoolVar(&p.replace, "replace", false, "take over a card that was prepared for another room")
	operands, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case p.out == "":
		return env.Usage("-o names no folder")
	case p.card != "" && p.template != "":
		return env.Usage("-card and -template can't be used together")
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
		return cli.WithHint(err, "run it again to continue")
	}
	for _, name := range done.Office {
		if err := env.Printf("%s: for the office\n", filepath.ToSlash(filepath.Join(p.out, name))); err != nil {
			return err
		}
	}
	env.Note("%d rooms: %d made, %d changed, %d unchanged; %s holds secrets: keep it in the office", len(rooms),
		len(done.Made), len(done.Changed), len(done.Same), p.out)
	return nil
}

// printRooms prints what happened to each room.
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

// refuse prints the mistakes as tacet check does.
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

// prepare prepares the SD card of a room.
func (p provisionFlags) prepare(env *cli.Env, room string) error {
	kit, err := provision.Find(p.out, room)
	if err != nil {
		return err
	}
	packages, err := provision.Packages(p.packages)
	if err != nil {
		return cli.WithHint(err, "\"make bundle\" collects the packages")
	}
	card, err := provision.OpenCard(p.card, provision.Format(p.format))
	if err != nil {
		return err
	}
	defer card.Close()
	doubts, err := card.Prepare(kit, packages, p.replace)
	for _, doubt := range doubts {
		env.Warn("%s", doubt)
	}
	if err != nil {
		return fmt.Errorf("prepare the card: %w", err)
	}
	env.Note("%s is ready for %s (first start by %s, packages for %s); eject it before you pull it out", p.card,
		kit.Place(), card.Format(), strings.Join(packages.Architectures(), " and "))
	env.Note("it holds the room's secrets; the unit removes them at its first start, but flash may still hold them")
	return nil
}
