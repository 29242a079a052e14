// Package manual makes manual pages and shell completions from what a program's help says, and the
// page of the config file from its schema and its example. No program that is shipped holds it: it
// is built in with the tag "manual" alone, in the place of what the program does.
//
//	go run -tags manual ./cmd/tacet FOLDER
//
// writes tacet.1, tacet.bash, _tacet (zsh) and tacet.fish into FOLDER.
package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tacet/cmd/internal/cli"
)

// Main is what a program does that was built with the tag: it writes the files into the folder that
// is its one argument, and exits. SOURCE_DATE_EPOCH, in seconds since 1970, dates the pages.
func Main(name, section string, run func(*cli.Env) error) {
	if err := write(name, section, run, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: error: write the manual: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func write(name, section string, run func(*cli.Env) error, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("name one folder")
	}
	d, err := cli.Describe(name, run)
	if err != nil {
		return err
	}
	date, err := sourceDate(os.Getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	files := map[string]string{
		name + "." + section: Page(d, section, date),
		name + ".bash":       Bash(d),
		"_" + name:           Zsh(d),
		name + ".fish":       Fish(d),
	}
	if section == "8" { // the daemon's config
		if files["tacet.toml.5"], err = ConfigPage(date); err != nil {
			return err
		}
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(args[0], file), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// sourceDate is the day that the pages bear; today unless the environment says otherwise.
func sourceDate(epoch string) (string, error) {
	at := time.Now()
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return "", fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		at = time.Unix(seconds, 0)
	}
	return at.UTC().Format(time.DateOnly), nil
}
