package main

import (
	"errors"
	"fmt"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/forget"
	"tacet/daemon/mqtt"
)

var forgetCommand = cli.Command{
	Name:  "forget",
	Usage: "SITE/ROOM -broker URL [-password FILE] [-ca FILE]",
	About: "remove a retired room from the broker, and from Home Assistant",
	Help: `
A broker keeps the last state of a room that is no more, so dashboards show it as silent for ever. This
removes it, and the room's device in Home Assistant.

    tacet forget high-street/room-3 -broker mqtts://broker.lan \
        -password out/_office/mqtt/forget -ca ca.pem

It needs an account that may write on the room's topics. "tacet provision" makes one called forget.
Switch the unit off first: one that runs would publish everything again.`,
	Run: forgetRun,
}

func forgetRun(env *cli.Env, args []string) error {
	var o forget.Options
	var files mqtt.CredentialFiles
	flags := env.Flags()
	flags.StringVar(&o.Broker, "broker", "", "the broker's `URL`, such as mqtts://broker.lan:8883")
	flags.StringVar(&o.Username, "username", "forget", "account at the broker")
	flags.StringVar(&files.Password, "password", "", "`FILE` with its password; without one, no account is used")
	flags.StringVar(&files.CA, "ca", "", "`FILE` with the certificate of the broker's authority")
	flags.StringVar(&o.HomeAssistant, "homeassistant", "homeassistant", "Home Assistant's discovery `PREFIX`; empty: none")
	flags.BoolVar(&o.Force, "force", false, "also if the unit is online")
	rest, err := env.Parse(flags, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || o.Broker == "" {
		return env.Usage("forget needs one SITE/ROOM, and -broker")
	}
	var whole bool
	if o.Site, o.Room, whole = strings.Cut(rest[0], "/"); !whole {
		return env.Usage("%q is not SITE/ROOM", rest[0])
	}
	if files.Password == "" {
		o.Username = ""
	}
	if o.Credentials, err = files.Read(); err != nil {
		return err
	}
	topics, err := forget.Room(env.Ctx, o)
	if errors.Is(err, forget.ErrOnline) {
		return cli.WithHint(err, "switch the unit off; if it is off, and the broker does not know it, use -force")
	}
	if err != nil {
		return err
	}
	if len(topics) == 0 {
		return fmt.Errorf("the broker has nothing of %s", rest[0])
	}
	for _, name := range topics {
		if err := env.Printf("removed %s\n", name); err != nil {
			return err
		}
	}
	env.Note("remove the room from the list of rooms too, and run \"tacet provision\" again")
	return nil
}
