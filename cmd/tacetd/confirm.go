package main

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// usualConfirmed is root's file, which the service can read and not write.
const usualConfirmed = "/etc/tacet/confirmed"

// usualState is the service's own folder.
const usualState = "/var/lib/tacet"

var confirmCommand = cli.Command{
	Name: "confirm", Usage: "[-config F] [-state DIR] [-run DIR] [-confirmed FILE]",
	About: "as root: let new recipients and drives have what is recorded",
	Help: `
Shows which recipients and which drives are new to the unit since its first start, and get nothing; asks for the room's id; and then lets
them have what is recorded from now on. For units without [office]: with one, the office's signature says it.

    sudo tacetd confirm`,
	Run: confirm,
}

func confirm(env *cli.Env, args []string) error {
	f := env.Flags()
	path := f.String("config", usualConfig, "configuration `file`")
	state := f.String("state", usualState, "`folder` of the unit's ledger")
	dir := f.String("run", usualRun, "`folder` of status.json")
	file := f.String("confirmed", usualConfirmed, "root's `file`, which the service reads")
	if rest, err := env.Parse(f, args); err != nil {
		return err
	} else if len(rest) > 0 {
		return env.Usage("confirm takes no arguments")
	}
	if *file == usualConfirmed && os.Geteuid() != 0 {
		return cli.WithHint(errors.New("only root may say whom the unit trusts"), "sudo tacetd confirm")
	}
	r, err := readReport(filepath.Join(*dir, statusFile))
	if err != nil {
		return cli.WithHint(err, "\"systemctl status tacetd\" tells whether it runs, and why not")
	}
	cfg, _, err := loadUnit(*path, *state)
	if err != nil {
		return cli.Exit(cli.ExitConfig, err)
	}
	if cfg.Office != nil {
		return cli.WithHint(errors.New("the configuration names an office, and its signature says whom the unit trusts"),
			"in the office: \"tacet sign\" for recipients, \"tacet drive init -i\" for a drive")
	}
	if r.Unconfirmed == nil {
		env.Note("nothing is new; after a change of the configuration, first: systemctl reload tacetd")
		return nil
	}
	if err := r.Unconfirmed.show(env); err != nil {
		return err
	}
	if err := ask(env, cfg.Room.ID); err != nil {
		return err
	}
	if err := r.confirmation().write(*file); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	env.Note("confirmed; the unit takes it within some seconds")
	return nil
}

// show says what is new, and what it would get.
func (u *unconfirmed) show(env *cli.Env) error {
	for _, print := range u.Trusted {
		if err := env.Printf("as before  recipient, fingerprint %s\n", print); err != nil {
			return err
		}
	}
	for _, key := range u.Recipients {
		if err := env.Printf("NEW        recipient %s…%s, fingerprint %s: could open what is recorded from now on\n",
			key[:min(len(key), 12)], key[max(0, len(key)-6):], recording.Fingerprint(key)); err != nil {
			return err
		}
	}
	for _, d := range u.Drives {
		if err := env.Printf("NEW        drive for store %s at %s, ID %s, file system %s: would get copies, and the unit could let go of its own\n",
			d.Store, d.Where, d.Drive, d.UUID); err != nil {
			return err
		}
	}
	return nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 200

// ask wants the room's id to be typed, so that nobody confirms at the wrong unit, or in passing.
func ask(env *cli.Env, id string) error {
	env.Note("if all that is NEW is the practice's own, type the id of this room:")
	answer, err := bufio.NewReader(io.LimitReader(env.Stdin, maxAnswer)).ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the answer: %w", err)
	}
	if strings.TrimSpace(answer) != id {
		return errors.New("that is not this room's id; nothing is confirmed")
	}
	return nil
}

// confirmation is that of all that is said to be new.
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

// write puts it into root's file, wholly or not at all.
func (c confirmation) write(name string) error {
	data, err := json.MarshalIndent(c, "", "\t")
	if err != nil {
		return err
	}
	temp := name + ".new"
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Chmod(0o644) // the service reads it, whatever root's umask
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
