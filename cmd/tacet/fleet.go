package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/fleet"
)

var fleetCommand = cli.Command{
	Name:  "fleet",
	Usage: "add [-fleet FILE] KEY… | -broker URL [-room SITE/ROOM]",
	About: "collect the units' public keys",
	Help: `
Adds each KEY to fleet.toml, which "tacet provision" made. KEY is the .vkey file that a unit's first
start leaves on its card, or the output of "tacetd status -key", either in a file or itself; "-"
reads it from standard input.

    tacet fleet add /media/bootfs/high-street_room-3.vkey

With -broker it reads the keys that the fleet's units publish over MQTT. -room asks for one room alone.

    tacet fleet add -broker mqtts://broker.lan -username office -password-file F

Others may be able to publish there too, so it asks you to compare each key with the one that the unit
shows, and to type the room's id. KEY may also be a file with a state that was published. It asks as
well if the room has another key already, which it keeps for old recordings.`,
	Run: fleetRun,
}

func fleetRun(env *cli.Env, args []string) error {
	flags := env.Flags()
	file := flags.String("fleet", filepath.Join("out", "_office", fleet.File), "add the keys to `FILE`")
	var from published
	from.flags(flags)
	if len(args) > 0 && args[0] == "add" {
		args = args[1:]
	} else if len(args) == 0 || args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		return env.Usage("fleet needs the word add")
	}
	sources, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(sources) > 0 && from.broker != "":
		return env.Usage("a key and -broker exclude each other")
	case from.broker == "" && from.given():
		return env.Usage("these flags go with -broker")
	case len(sources) == 0 && from.broker == "":
		return env.Usage("fleet add needs a key, or -broker")
	}
	known, err := fleet.Read(*file)
	if fleet.Missing(err) {
		return cli.WithHint(err, "use -fleet to name the file that \"tacet provision\" made")
	}
	if err != nil {
		return err
	}
	add := adding{env, known, bufio.NewReader(io.LimitReader(env.Stdin, maxAnswers))}
	if from.broker != "" {
		err = add.published(from)
	}
	for _, source := range sources {
		if err == nil {
			err = add.file(source)
		}
	}
	return errors.Join(err, known.Write(*file)) // keep the keys before one that is refused
}

// maxAnswers limits all answers together, in bytes.
const maxAnswers = 64 << 10

// adding is a run of fleet add.
type adding struct {
	env     *cli.Env
	known   *fleet.Fleet
	answers *bufio.Reader
}

// file adds one key from an argument of the command.
func (a *adding) file(source string) error {
	unit, err := readKey(a.env, source)
	if err != nil {
		return err
	}
	return a.key(source, unit)
}

// key adds one key.
func (a *adding) key(source string, unit fleet.UnitKey) (err error) {
	env := a.env
	place := unit.Site + "/" + unit.Room
	room := a.known.Room(unit.Site, unit.Room)
	if room == nil {
		return cli.WithHint(fmt.Errorf("%s is the key of %s, which is not in the fleet", source, place),
			"add the room to the list and run \"tacet provision\" again, or check whose card this is")
	}
	if room.Key == unit.Key {
		env.Note("%s has this key already", place)
		return nil
	}
	switch {
	case room.Key != "":
		env.Warn("%s has another key so far: %s", place, room.Key)
		err = a.confirm(source, unit, "did the room get a new unit, or was its unit set up again?")
	case unit.Published:
		err = a.confirm(source, unit, "this key came over MQTT, where others can publish too; does \"tacetd status -key\" on the unit print the same?")
	}
	if err != nil {
		return err
	}
	if _, err := room.Learn(unit.Key); err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	return env.Printf("%s: %s\n", place, unit.Key)
}

// readKey reads a key from standard input, from the argument itself, or from a file.
func readKey(env *cli.Env, source string) (unit fleet.UnitKey, err error) {
	_, missing := os.Stat(source)
	switch {
	case source == "-":
		unit, err = fleet.ReadKey(env.Stdin)
	case missing != nil && strings.HasPrefix(source, "tacet/"):
		unit, err = fleet.ReadKey(strings.NewReader(source))
	default:
		data, failed := fleet.KeyFile(source)
		if failed != nil {
			return unit, fmt.Errorf("read the key: %w", failed)
		}
		unit, err = fleet.ReadKey(bytes.NewReader(data))
	}
	if err != nil {
		err = fmt.Errorf("%s %w", source, err)
	}
	return unit, err
}

// confirm asks a person to compare the key, and to type the room's id.
func (a *adding) confirm(source string, unit fleet.UnitKey, question string) error {
	if source == "-" {
		return cli.WithHint(errors.New("this key needs an answer, but standard input is used for the key"),
			"put the key into a file, and name that")
	}
	a.env.Note("the new key: %s", unit.Key)
	a.env.Note("%s if so, type the id of the room (%s):", question, unit.Room)
	answer, err := a.answers.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != unit.Room {
		return errors.New("that is not the room's id; the key was not added")
	}
	return nil
}
