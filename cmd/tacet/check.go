package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/confinement"
	"tacet/config"
)

var checkCommand = cli.Command{
	Name:  "check",
	Usage: "FILE…",
	About: "find mistakes in a unit's config",
	Help: `
Prints every error and every warning in each config FILE, with its line, its key, and what to write
instead. Exits with 1 if there are errors, and with 0 if there are only warnings.

A warning names each folder in which the service may not write; then the drop-in for systemd that it
needs is printed.

Recipients files are looked for beside FILE. Other files may exist only on the unit, so if they are
missing here that is a warning.`,
	Run: check,
}

func check(env *cli.Env, args []string) error {
	files, err := env.Parse(env.Flags(), args)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return env.Usage("name a config file to check")
	}
	rooms := map[string]string{} // the file for each room
	bad := 0
	for _, file := range files {
		cfg, warnings, err := config.Load(file)
		var errs config.Errors
		if errors.As(err, &errs) {
			bad++
		} else if err != nil {
			return err
		}
		var outside []confinement.Folder
		if cfg != nil {
			outside = confinement.Outside(cfg)
			for _, folder := range outside {
				warnings = append(warnings, folder.Problem(file))
			}
			room := cfg.Room.Site + "/" + cfg.Room.ID
			if other := rooms[room]; other != "" && filepath.Clean(other) != filepath.Clean(file) {
				warnings = append(warnings, config.Problem{File: file, Key: "room.id",
					What:    room + " is also the room of " + other,
					Instead: "give each unit a room of its own, unless one of the files is outdated"})
			}
			rooms[room] = file
		}
		if err := printFindings(env, file, errs, warnings, confinement.DropIn(outside)); err != nil {
			return err
		}
	}
	switch {
	case bad == 0:
		return nil
	case len(files) == 1:
		return cli.Exit(cli.ExitFailed, fmt.Errorf("%s can't be used", files[0]))
	default:
		return cli.Exit(cli.ExitFailed, fmt.Errorf("%d of %d files can't be used", bad, len(files)))
	}
}

// printFindings prints a file's errors and warnings so that editors can jump to the line, and the
// drop-in that the service needs for it.
func printFindings(env *cli.Env, file string, errs, warnings []config.Problem, dropIn string) error {
	for _, p := range errs {
		if err := printFinding(env, "error", p); err != nil {
			return err
		}
	}
	for _, p := range warnings {
		if err := printFinding(env, "warning", p); err != nil {
			return err
		}
	}
	if dropIn != "" {
		if err := env.Printf("the drop-in is %s, with these lines; then \"systemctl daemon-reload\":\n",
			confinement.DropInFile); err != nil {
			return err
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(dropIn, "\n"), "\n") {
			if err := env.Printf("    %s\n", line); err != nil {
				return err
			}
		}
	}
	return env.Printf("%s: %s\n", file, verdict(len(errs), len(warnings)))
}

func printFinding(env *cli.Env, severity string, p config.Problem) error {
	if p.Instead == "" {
		return env.Printf("%s: %s: %s\n", p.Where(), severity, p.Text())
	}
	return env.Printf("%s: %s: %s\n    %s\n", p.Where(), severity, p.Text(), p.Instead)
}

func verdict(errs, warnings int) string {

	switch {
	case errs == 0 && warnings == 0:
		return "ok"
	case errs == 0:
		return "ok, with " + plural(warnings, "warning")
	case warnings == 0:
		return plural(errs, "error")
	default:
		return plural(errs, "error") + ", " + plural(warnings, "warning")
	}
}
