package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/tacet-demo/fleet"
	"tacet/config/textfile"
	"tacet/daemon/mqtt"
)

var fleetCommand = cli.Command{
	Name:  "fleet",
	Usage: "-broker URL [-rooms N] [-speed X] [-seed N] [-list FILE]",
	About: "simulate the rooms of a practice at a broker",
	Help: `
Each room is a client of its own, with the unit's own code. Consultations start and end through a
working day, and now and then something fails: a drive is missing, a network or the power is cut, a
unit starts again with a new version. All rooms start at eight in the morning.

    tacet-demo fleet -broker mqtt://127.0.0.1:1883 -rooms 200 -speed 60

With -speed 60 a day passes in 24 minutes. Times in messages are real, and so is the heartbeat. The
same -seed gives the same days; it is printed. -list writes the rooms into a fleet.toml, for
"tacet dashboard -fleet".`,
	Run: fleetMain,
}

// fleetReport is the time between two lines that say how the fleet is.
const fleetReport = 10 * time.Second

// maxPassword is the most bytes of a password file or a CA's certificates.
const maxPassword = 1 << 20

func fleetMain(env *cli.Env, args []string) error {
	o := fleet.Options{}
	f := env.Flags()
	f.StringVar(&o.Broker, "broker", "", "the broker's `address`, as in mqtts://broker.lan:8883")
	f.IntVar(&o.Rooms, "rooms", 30, "`number` of rooms, at most 10,000")
	f.IntVar(&o.Sites, "sites", 0, "`number` of sites (default: one for each 25 rooms)")
	f.Float64Var(&o.Speed, "speed", 60, "how many `times` faster than life a day passes")
	f.BoolVar(&o.Calm, "calm", false, "consultations only: nothing fails")
	f.StringVar(&o.HomeAssistant, "homeassistant", "homeassistant", "discovery `prefix`; empty: none")
	seed := f.Uint64("seed", 0, "repeat the days of a `number` (default: a new one, printed)")
	list := f.String("list", "", "write the rooms into `FILE`, as a fleet.toml")
	last := f.Duration("for", 0, "stop after a `time` (default: run until interrupted)")
	user := f.String("username", "", "all rooms' `account` at the broker")
	password := f.String("password-file", "", "`file` with its password")
	ca := f.String("ca", "", "`file` with the certificate that vouches for the broker's")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 || o.Broker == "" {
		return env.Usage("fleet needs -broker, and takes no argument")
	}
	if o.Seed = *seed; o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	credentials := func() (c mqtt.Credentials, err error) { return readCredentials(*password, *ca) }
	if _, err := credentials(); err != nil {
		return err
	}
	o.Account = func(string, string) (string, func() (mqtt.Credentials, error)) { return *user, credentials }
	all, err := fleet.New(o)
	if err != nil {
		return err
	}
	if *list != "" {
		if err := all.List().Write(*list); err != nil {
			return err
		}
	}
	env.Printf("%d rooms at %s, seed %d, speed %g\n", o.Rooms, o.Broker, o.Seed, o.Speed)
	ctx, cancel := context.WithCancel(env.Ctx)
	defer cancel()
	if *last > 0 {
		time.AfterFunc(*last, cancel)
	}
	go reportFleet(ctx, env, all)
	return all.Run(ctx)
}

// readCredentials reads the files that are named.
func readCredentials(password, ca string) (c mqtt.Credentials, err error) {
	if password != "" {
		text, failed := textfile.Read(password, maxPassword)
		c.Password, err = string(text), failed
	}
	if ca != "" {
		text, failed := textfile.Read(ca, maxPassword)
		c.CA, err = text, errors.Join(err, failed)
	}
	if err != nil {
		err = fmt.Errorf("read the account at the broker: %w", err)
	}
	return c, err
}

// reportFleet prints how the fleet is, from time to time.
func reportFleet(ctx context.Context, env *cli.Env, all *fleet.Fleet) {
	every := time.NewTicker(fleetReport)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			n := all.Counts()
			env.Printf("%d of %d rooms connected, %d record, %d have warnings, %d events; %s\n",
				n.Connected, n.Rooms, n.Recording, n.Alerted, n.Events, memoryUsed())
		}
	}
}

// memoryUsed is this process's memory for a person.
func memoryUsed() string {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("%d MB of memory", m.Sys>>20)
}
