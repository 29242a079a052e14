package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/reset"
	"tacet/config"
)

var resetCommand = cli.Command{
	Name: "reset", Usage: "[-force] [-config F] [-state DIR] [-run DIR]",
	About: "as root: take the unit out of the practice",
	Help: `
Ends the ledger with a signed entry, removes the recordings, and destroys the unit's keys and all
other secrets. It asks for the room's id first, and prints each thing that it does. It refuses while
the unit records, and while a store lacks a recording, unless you lose those with -force. The ledger
and the unit's public key stay in a folder that it names: keep them in the office, since they prove
what was recorded.

    sudo tacetd reset`,
	Run: resetRun,
}

func resetRun(env *cli.Env, args []string) error {
	f := env.Flags()
	force := f.Bool("force", false, "also remove recordings that some store lacks")
	path := f.String("config", defaultConfig, "configuration `file`")
	state := f.String("state", defaultState, "`folder` of the unit's ledger")
	dir := f.String("run", defaultRun, "`folder` of status.json")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return env.Usage("reset takes no arguments")
	}
	usual := *path == defaultConfig
	if usual && os.Geteuid() != 0 {
		return cli.WithHint(errors.New("only root may reset a unit"), "sudo tacetd reset")
	}
	cfg, _, err := loadUnit(*path, *state)
	if err != nil {
		return cli.Exit(cli.ExitConfig,
			cli.WithHint(err, "correct the configuration first: it says where the unit's secrets are"))
	}
	status := filepath.Join(*dir, statusFile)
	ran, err := mayReset(status, *force)
	if err != nil {
		return err
	}
	env.Note("this destroys the keys and secrets of %s/%s, and can't be undone", cfg.Room.Site, cfg.Room.ID)
	env.Note("to go on, type the id of this room:")
	if err := askForRoom(env, cfg.Room.ID, "nothing was changed"); err != nil {
		return err
	}
	if _, err := mayReset(status, *force); err != nil { // a recording may have started meanwhile
		return err
	}
	return resetUnit(env, cfg, *path, *state, *force, ran)
}

// mayReset returns an error while the unit records, or while recordings wait to be copied. ran
// reports whether the service is running.
func mayReset(status string, force bool) (ran bool, err error) {
	state, _ := systemctl("is-active") // fails if the service is not active
	r, unread := readReport(status)
	switch {
	case unread == nil && r.Phase == "recording":
		return false, cli.WithHint(errors.New("the unit is recording; nothing was changed"),
			"\"tacetd status\" shows when it is idle")
	case unread == nil && r.Pending > 0 && !force:
		return false, cli.WithHint(fmt.Errorf("%d recordings are not in all stores yet, and nothing was changed", r.Pending),
			"\"tacetd status\" shows what the stores wait for; -force loses these recordings")
	}
	switch state {
	case "active", "reloading", "deactivating":
		if unread != nil {
			return false, fmt.Errorf("can't tell whether the running service is recording; nothing was changed: %w", unread)
		}
		return true, nil
	}
	return state == "activating", nil // the spool's lock guards against a daemon that systemd doesn't know
}

// resetUnit stops the service and resets the unit. If the reset fails before it has changed
// anything, it starts the service again.
func resetUnit(env *cli.Env, cfg *config.Config, path, state string, force, ran bool) error {
	if ran {
		if said, err := systemctl("stop"); err != nil {
			return fmt.Errorf("stop the service: %w: %s", err, said)
		}
	}
	var failed error
	u := reset.Unit{Config: path, Cfg: cfg, State: state, Force: force, Version: cli.Version,
		Tell: func(format string, args ...any) {
			failed = errors.Join(failed, env.Printf("%s\n", fmt.Sprintf(format, args...)))
		}}
	if path == defaultConfig {
		u.Etc = filepath.Dir(defaultConfig)
	}
	err := u.Reset()
	if err != nil && !u.Begun {
		if errors.As(err, new(*reset.LeftError)) {
			err = cli.WithHint(err, "connect the stores and wait; -force loses these recordings")
		}
		if ran {
			if said, again := systemctl("start"); again != nil {
				err = errors.Join(err, fmt.Errorf("start the service again: %w: %s", again, said))
			}
		}
		return err
	}
	if err != nil {
		return cli.WithHint(err, "run it again to continue; the service stays stopped")
	}
	if said, err := systemctl("disable"); err != nil && ran {
		env.Warn("the service is still enabled: %v: %s", err, said)
	}
	env.Note("%s/%s is reset; now remove its account and the retained messages under tacet/%[1]s/%[2]s/ from the broker, and its key from the backup server",
		cfg.Room.Site, cfg.Room.ID)
	return failed
}
