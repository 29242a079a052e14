package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/fleet"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// readTime limits the reading of all keys from a broker.
const readTime = time.Minute

// published says where the units' keys are published.
type published struct {
	broker, username, room string
	files                  mqtt.CredentialFiles
}

func (p *published) flags(f *flag.FlagSet) {
	f.StringVar(&p.broker, "broker", "", "read what the units publish at the broker `URL` (mqtts://HOST or mqtt://HOST)")
	f.StringVar(&p.room, "room", "", "with -broker: of `SITE/ROOM` alone")
	f.StringVar(&p.username, "username", "", "with -broker: the account's `NAME`")
	f.StringVar(&p.files.Password, "password-file", "", "with -broker: read the account's password from `FILE`")
	f.StringVar(&p.files.CA, "ca", "", "with -broker: trust the authorities in `FILE` instead of the system's")
	f.StringVar(&p.files.Cert, "cert", "", "with -broker: the client certificate in `FILE`")
	f.StringVar(&p.files.Key, "client-key", "", "with -broker: its key in `FILE`")
}

// given reports whether any of the flags beside -broker is.
func (p *published) given() bool {
	return p.room != "" || p.username != "" || p.files != (mqtt.CredentialFiles{})
}

// rooms are those whose keys are read.
func (p *published) rooms(f *fleet.Fleet) (names []topic.Names, err error) {
	site, room, ok := strings.Cut(p.room, "/")
	switch {
	case p.room == "":
	case !ok:
		return nil, cli.WithHint(fmt.Errorf("%q is not a site and a room", p.room), "write them as in high-street/room-3")
	case f.Room(site, room) == nil:
		return nil, cli.WithHint(fmt.Errorf("%s is not in the fleet", p.room),
			"add the room to the list and run \"tacet provision\" again")
	default:
		return []topic.Names{{Site: site, Room: room}}, nil
	}
	for _, s := range f.Sites {
		for _, r := range s.Rooms {
			if !r.Gone {
				names = append(names, topic.Names{Site: s.ID, Room: r.ID})
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("the fleet has no rooms")
	}
	return names, nil
}

// states reads the rooms' retained states.
func (p *published) states(env *cli.Env, rooms []topic.Names) (map[string][]byte, error) {
	credentials, err := p.files.Read()
	if err != nil {
		return nil, err
	}
	var topics []string
	for _, n := range rooms {
		topics = append(topics, n.State())
	}
	ctx, cancel := context.WithTimeout(env.Ctx, readTime)
	defer cancel()
	states, err := mqtt.Retained(ctx, mqtt.Options{Broker: p.broker, Username: p.username,
		Credentials: func() (mqtt.Credentials, error) { return credentials, nil }}, topics)
	var wrong *topic.AddressError
	var trouble *mqtt.Trouble
	switch {
	case err == nil:
		return states, nil
	case errors.As(err, &wrong) && strings.Contains(p.broker, "@"):
		return nil, cli.WithHint(fmt.Errorf("the broker's address holds a user name: %w", err), "use -username and -password-file")
	case errors.As(err, &trouble):
		return nil, cli.WithHint(err, "%s", trouble.Do)
	}
	return nil, err
}

// published adds the keys that the rooms' units publish.
func (a *adding) published(from published) error {
	rooms, err := from.rooms(a.known)
	if err != nil {
		return err
	}
	states, err := from.states(a.env, rooms)
	if err != nil {
		return fmt.Errorf("read the units' keys from the broker: %w", err)
	}
	for _, n := range rooms {
		place := n.Site + "/" + n.Room
		state, ok := states[n.State()]
		if !ok {
			if from.room != "" {
				return cli.WithHint(fmt.Errorf("nothing is published on %s", n.State()),
					"check that the unit runs, and that the account may read this topic")
			}
			a.env.Note("%s publishes nothing", place)
			continue
		}
		unit, err := fleet.ReadKey(bytes.NewReader(state))
		switch {
		case err != nil:
			err = fmt.Errorf("what is published on %s %w", n.State(), err)
		case !unit.Published:
			err = fmt.Errorf("what is published on %s is no state", n.State())
		case unit.Site != n.Site || unit.Room != n.Room:
			err = fmt.Errorf("on %s the key of %s/%s is published", n.State(), unit.Site, unit.Room)
		default:
			err = a.key(n.State(), unit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
