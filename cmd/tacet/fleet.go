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
	Usage: "add [-fleet FILE] KEY…",
	About: "collect the units' keys for the office",
	Help: `
Enters each KEY into fleet.toml, which tacet provision made: the .vkey file that a unit's first
start leaves on its card, or what "tacetd status -key" prints, as a file or as it is; - reads it
from standard input.

    tacet fleet add /media/bootfs/high-street_room-3.vkey

It also takes a file of what the unit publishes over MQTT on its topic state. Whoever may publish
there can say that, so compare the key with the one that the unit itself shows, and type the room's
id. So where a room gets another key than it had: the one before stays for its recordings.`,
	Run: fleetRun,
}

func fleetRun(env *cli.Env, args []string) error {
	flags := env.Flags()
	file := flags.String("fleet", filepath.Join("out", "_office", fleet.File), "the office's `FILE`")
	if len(args) > 0 && args[0] == "add" {
		args = args[1:]
	} else if len(args) == 0 || args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		return env.Usage("fleet knows add, and nothing else")
	}
	sources, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(sources) == 0:
		return env.Usage("fleet add names no key")
	}
	known, err := fleet.Read(*file)
	if fleet.Missing(err) {
		return cli.WithHint(err, "name the file that tacet provision made with -fleet")
	}
	if err != nil {
		return err
	}
	add := adding{env, known, bufio.NewReader(io.LimitReader(env.Stdin, maxAnswers))}
	for _, source := range sources {
		if err := add.key(source); err != nil {
			return errors.Join(err, known.Write(*file)) // what was taken before stays
		}
	}
	return known.Write(*file)
}

// maxAnswers bounds what is read of all answers, in bytes.
const maxAnswers = 64 << 10

// adding is one run of fleet add.
type adding struct {
	env     *cli.Env
	known   *fleet.Fleet
	answers *bufio.Reader
}

// key takes one key.
func (a *adding) key(source string) error {
	env := a.env
	said, err := listen(env, source)
	if err != nil {
		return err
	}
	place := said.Site + "/" + said.Room
	room := a.known.Room(said.Site, said.Room)
	if room == nil {
		return cli.WithHint(fmt.Errorf("%s holds the key of %s, and the fleet has no such room", source, place),
			"add the room to the list, and run tacet provision again; or see whether the card is another practice's")
	}
	if room.Key == said.Key {
		env.Note("%s: its key is known already", place)
		return nil
	}
	switch {
	case room.Key != "":
		env.Warn("%s has another key until now: %s", place, room.Key)
		err = a.agree(source, said, "is the unit a new one, or was it set up anew?")
	case said.Published:
		err = a.agree(source, said, "this was said over MQTT, where others can say it too; does \"tacetd status -key\" on the unit show just this?")
	}
	if err != nil {
		return err
	}
	if _, err := room.Learn(said.Key); err != nil {
		return fmt.Errorf("%s: %w", place, err)
	}
	return env.Printf("%s: %s\n", place, said.Key)
}

// listen takes a key from where it is.
func listen(env *cli.Env, source string) (said fleet.Said, err error) {
	_, missing := os.Stat(source)
	switch {
	case source == "-":
		said, err = fleet.Listen(env.Stdin)
	case missing != nil && strings.HasPrefix(source, "tacet/"):
		said, err = fleet.Listen(strings.NewReader(source))
	default:
		data, err := fleet.Bytes(source)
		if err != nil {
			return said, fmt.Errorf("read the key: %w", err)
		}
		said, err = fleet.Listen(bytes.NewReader(data))
		if err != nil {
			return said, fmt.Errorf("%s %w", source, err)
		}
		return said, nil
	}
	if err != nil {
		err = fmt.Errorf("%s %w", source, err)
	}
	return said, err
}

// agree wants a person to compare, and to type the room's id.
func (a *adding) agree(source string, said fleet.Said, question string) error {
	if source == "-" {
		return cli.WithHint(errors.New("a person has to confirm this key, and standard input is taken"),
			"put it into a file, and name that")
	}
	a.env.Note("the new key: %s", said.Key)
	a.env.Note("%s if so, type the id of the room (%s):", question, said.Room)
	answer, err := a.answers.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != said.Room {
		return errors.New("that is not this room's id; its key is not entered")
	}
	return nil
}
