package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/reset"
	"tacet/config"
)

var resetCommand = cli.Command{
	Name: "reset", Usage: "[-force] [-config F] [-state DIR] [-run DIR]",
	About: "as root: take the unit out of the practice",
	Help: `
Ends the ledger with a signed entry, destroys the unit's keys and every secret file, and removes its
recordings, if every copy of them is elsewhere. It asks for the room's id first, and says what it
did. A unit that records is not touched. The ledger and the unit's public key stay, in a folder that
it names: keep them in the office, for they prove what was recorded.

    sudo tacetd reset

Recordings that are nowhere else make it stop. With -force they are lost.`,
	Run: resetRun,
}

func resetRun(env *cli.Env, args []string) error {
	f := env.Flags()
	force := f.Bool("force", false, "also remove recordings that are nowhere else")
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
			cli.WithHint(err, "without its configuration nobody knows where the unit's secrets lie: mend it first"))
	}
	status := filepath.Join(*dir, statusFile)
	ran, err := mayReset(status, *force)
	if err != nil {
		return err
	}
	env.Note("this destroys the keys and secrets of %s/%s; nothing of that can be undone", cfg.Room.Site, cfg.Room.ID)
	env.Note("if this is meant, type the id of this room:")
	answer, err := bufio.NewReader(io.LimitReader(env.Stdin, maxAnswer)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != cfg.Room.ID {
		return errors.New("that is not this room's id; nothing was changed")
	}
	if _, err := mayReset(status, *force); err != nil { // somebody may have pressed meanwhile
		return err
	}
	return resetUnit(env, cfg, *path, *state, *force, ran)
}

// mayReset refuses a unit that records, and one whose recordings are still to be copied. ran
// reports whether the service runs.
func mayReset(status string, force bool) (ran bool, err error) {
	state, _ := systemctl("is-active") // it fails where the answer is no
	r, unread := readReport(status)
	switch {
	case unread == nil && r.Phase == "recording":
		return false, cli.WithHint(errors.New("the unit records, and is not reset"), "\"tacetd status\" says when it is idle")
	case unread == nil && r.Pending > 0 && !force:
		return false, cli.WithHint(fmt.Errorf("%d recordings are not in all stores yet, and nothing was changed", r.Pending),
			"\"tacetd status\" says what the stores wait for; -force loses them")
	}
	switch state {
	case "active", "reloading", "deactivating":
		if unread != nil {
			return false, fmt.Errorf("the service runs and doesn't say whether it records, so it is not reset: %w", unread)
		}
		return true, nil
	}
	return state == "activating", nil // else the spool's lock has the last word
}

// resetUnit stops the service and resets the unit. Where that is refused, the service goes on.
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
			err = cli.WithHint(err, "connect the stores, and wait; -force loses these recordings")
		}
		if ran {
			if said, again := systemctl("start"); again != nil {
				err = errors.Join(err, fmt.Errorf("start the service again: %w: %s", again, said))
			}
		}
		return err
	}
	if err != nil {
		return cli.WithHint(err, "run it again: it goes on where it stopped; the service stays stopped")
	}
	if said, err := systemctl("disable"); err != nil && ran {
		env.Warn("the service is still enabled: %v: %s", err, said)
	}
	env.Note("%s/%s is no unit any more; in the office, take its account from the broker, and what is retained there under tacet/%[1]s/%[2]s/, and its key from the backup server",
		cfg.Room.Site, cfg.Room.ID)
	return failed
}
