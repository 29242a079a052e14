package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/trial"
	"tacet/daemon/update"
)

const (
	installedProgram = "/usr/bin/tacetd"
	previousProgram  = "/usr/lib/tacet/previous/tacetd"
	updateDropIn     = "/etc/systemd/system/tacetd.service.d/50-update.conf"
)

var updateCommand = cli.Command{
	Name: "update-check", Usage: "[-again]",
	About: "as root: keep a new version that works, or go back; for the unit file",
	Help: `
Watches the service after a new version was installed. It keeps the version once it has worked for
two minutes. Otherwise it makes systemd start the version before, and never starts this one again.

-again lets the installed version be tried once more, for instance when the configuration was what
kept it from working.

    sudo tacetd update-check -again`,
	Run: updateCheck,
}

func updateCheck(env *cli.Env, args []string) error {
	f := env.Flags()
	again := f.Bool("again", false, "let the installed version be tried again, although it has failed")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return env.Usage("update-check takes no arguments")
	}
	if os.Geteuid() != 0 {
		return cli.WithHint(errors.New("only root may keep or refuse a version"), "sudo tacetd update-check")
	}
	r := trial.Runner{
		Program: installedProgram, Previous: previousProgram, Installed: update.InstalledFile, Dir: update.Dir,
		DropIn:  updateDropIn,
		Service: trial.Systemd{Unit: serviceName, Status: filepath.Join(defaultRun, statusFile)}, Say: env.Note,
	}
	if !*again {
		ctx, stop := signal.NotifyContext(env.Ctx, syscall.SIGTERM)
		defer stop()
		if err := r.Run(ctx); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil // it goes on at the next start
	}
	version, err := r.Again(env.Ctx)
	if err != nil {
		return err
	}
	env.Note("version %s will be tried again once the unit has been at rest for ten minutes", version)
	env.Hint("\"systemctl restart tacetd\" starts it now; see first that nobody is being recorded")
	return nil
}

// restVariable shortens the rest before a new version is started, in the rig. It is no part of the
// configuration: a unit that restarts minutes after a consultation helps nobody.
const restVariable = "TACET_UPDATE_REST"

// rest returns how long the unit must be at rest before a new version is started; zero: as usual.
func (s *service) rest() time.Duration {
	text := os.Getenv(restVariable)
	if text == "" {
		return 0
	}
	rest, err := time.ParseDuration(text)
	if err != nil || rest <= 0 {
		s.log.Warn("not a duration: it changes nothing", "variable", restVariable, "value", text)
		return 0
	}
	return rest
}
