package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/rootfile"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// defaultConfirmed belongs to root: the service can read it but not write it.
const defaultConfirmed = "/etc/tacet/confirmed"

// defaultState is the service's own folder.
const defaultState = "/var/lib/tacet"

var confirmCommand = cli.Command{
	Name: "confirm", Usage: "[-config F] [-state DIR] [-run DIR] [-confirmed FILE]",
	About: "as root: accept new recipients and drives",
	Help: `
Shows the recipients and drives that the unit did not have at its first start. They get nothing yet.
Type the room's id to accept them: they then get what is recorded from now on.

This is for units without [office]. With one, the office's signature says whom the unit trusts.

    sudo tacetd confirm`,
	Run: confirm,
}

func confirm(env *cli.Env, args []string) error {
	f := env.Flags()
	path := f.String("config", defaultConfig, "configuration `file`")
	state := f.String("state", defaultState, "`folder` of the unit's ledger")
	dir := f.String("run", defaultRun, "`folder` of status.json")
	file := f.String("confirmed", defaultConfirmed, "root's `file`, which the service reads")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return env.Usage("confirm takes no arguments")
	}
	if *file == defaultConfirmed && os.Geteuid() != 0 {
		return cli.WithHint(errors.New("only root may accept recipients and drives"), "sudo tacetd confirm")
	}
	r, err := readReport(filepath.Join(*dir, statusFile))
	if err != nil {
		return cli.WithHint(err, statusHint)
	}
	cfg, _, err := loadUnit(*path, *state)
	if err != nil {
		return cli.Exit(cli.ExitConfig, err)
	}
	if cfg.Office != nil {
		return cli.WithHint(errors.New("this unit has an office, and its signature says whom the unit trusts"),
			"in the office, sign recipients with \"tacet sign\" and drives with \"tacet drive init -i\"")
	}
	if r.Unconfirmed == nil {
		env.Note("nothing is new; if you have changed the configuration, first run \"systemctl reload tacetd\"")
		return nil
	}
	if err := r.Unconfirmed.show(env); err != nil {
		return err
	}
	env.Note("if everything NEW belongs to the practice, type this room's id:")
	if err := askForRoom(env, cfg.Room.ID, "nothing was confirmed"); err != nil {
		return err
	}
	if err := r.confirmation().write(*file); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	env.Note("confirmed; the unit accepts them within seconds")
	return nil
}

// show prints what is new, and what it would get.
func (u *unconfirmed) show(env *cli.Env) error {
	for _, print := range u.Trusted {
		if err := env.Printf("as before  recipient, fingerprint %s\n", print); err != nil {
			return err
		}
	}
	for _, key := range u.Recipients {
		if err := env.Printf("NEW        recipient %s…%s, fingerprint %s: would be able to open new recordings\n",
			key[:min(len(key), 12)], key[max(0, len(key)-6):], recording.Fingerprint(key)); err != nil {
			return err
		}
	}
	for _, d := range u.Drives {
		if err := env.Printf("NEW        drive for store %s at %s, ID %s, file system %s: would get copies, "+
			"after which the unit may delete its own\n", d.Store, d.Where, d.Drive, d.UUID); err != nil {
			return err
		}
	}
	return nil
}

// maxAnswer is the longest answer that is read, in bytes.
const maxAnswer = 200

// askForRoom reads the room's id, so that nobody works at the wrong unit or by accident. undone ends
// the error for another answer.
func askForRoom(env *cli.Env, id, undone string) error {
	answer, err := bufio.NewReader(io.LimitReader(env.Stdin, maxAnswer)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != id {
		return errors.New("that is not this room's id; " + undone)
	}
	return nil
}

// confirmation confirms everything that the report lists as new.
func (r *report) confirmation() confirmation {
	c := confirmation{
		Format: trust.ConfirmationFormat, ID: rand.Text(), Time: time.Now().UTC().Format(time.RFC3339),
		Unit: r.UnitKey, Ledger: r.Unconfirmed.Ledger, Recipients: r.Unconfirmed.Trusted, Drives: r.Unconfirmed.Drives,
	}
	for _, key := range r.Unconfirmed.Recipients {
		c.Recipients = append(c.Recipients, recording.Fingerprint(key))
	}
	return c
}

type confirmation trust.Confirmation

// write replaces root's file, wholly or not at all.
func (c confirmation) write(name string) error {
	data, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return err
	}
	return rootfile.Write(name, append(data, '\n'))
}
