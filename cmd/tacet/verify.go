package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

var verifyCommand = cli.Command{
	Name:  "verify",
	Usage: "[-unit KEY] [-any-unit] [-recipients KEYS] FILE…",
	About: "check that recordings are as they were made",
	Help: `
Needs no key that opens them: it doesn't listen. Finds every byte that was changed, added or taken away, and says in which second.

A recording proves which unit made it, by that unit's key. Which keys are whose, you have to know: they are collected
when a unit is put up, and kept in the file known-units in your config folder's tacet folder, one on a line.

With -recipients it also says whether a recording can be opened by anybody but those whose public keys are given: the file that is on the unit,
say. recording.json names whom it is for, by fingerprints, and key.age holds one stanza for each who can open it. These are counted, since
what is named is only a claim. Whose key a stanza is for it doesn't tell: somebody who has the unit in his hands could name you, and
encrypt for himself in your place. Where as many can open it as are named, and each of your keys does open it, there is nobody else.

Exits with 0 if all are whole, or were interrupted by a power cut, and made by known units; with 3 if they are, but nobody vouches
for a unit; with 1 if one is unfinished, damaged, no recording, or for anybody else.`,
	Run: verify,
}

func verify(env *cli.Env, args []string) error {
	fs := env.Flags()
	var units unitFlags
	var recipients names
	units.register(fs)
	fs.Var(&recipients, "recipients",
		"say whether it is for anybody else than these `KEYS`: a public key, or a file of them; may be repeated")
	files, err := env.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return env.Usage("verify names no file")
	}
	known, err := units.keys(env)
	if err != nil {
		return err
	}
	allowed, err := readAudience(recipients)
	if err != nil {
		return err
	}
	var failed, unvouched []error
	for _, name := range files {
		rep, err := inspect(env, name, known)
		if errors.Is(err, context.Canceled) {
			return err
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if err := printVerdict(env, name, rep, units.any); err != nil {
			return err
		}
		if allowed != nil && rep.State != recording.Foreign {
			if err := allowed.check(rep); err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", name, err))
			} else if err := env.Printf("%s\n", allowed.told(rep)); err != nil {
				return err
			}
		}
		switch {
		case !rep.State.Complete():
			failed = append(failed, incomplete(name, rep))
		case !rep.Vouched && !units.any:
			err := unknownUnit(rep, known)
			unvouched = append(unvouched, fmt.Errorf("%s: %w", name, err))
		}
	}
	switch {
	case len(failed) > 0:
		return cli.Exit(cli.ExitFailed, join(append(failed, unvouched...)))
	case len(unvouched) > 0:
		return cli.Exit(cli.ExitUnvouched, join(unvouched))
	}
	return nil
}

// join is errors.Join that leaves a single error as it is, with its hints.
func join(list []error) error {
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// inspect verifies one file.
func inspect(env *cli.Env, name string, known []string) (*recording.Report, error) {
	f, size, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	progress := env.Progress("verify "+name, size)
	defer progress.Done()
	rep, err := recording.Verify(interruptible{env.Ctx, f}, size,
		recording.Options{Units: known, Progress: follow(progress, size)})
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	return rep, nil
}

// openFile opens a file that may be a recording. It looks before it opens: a pipe would wait there
// for somebody to write.
func openFile(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, cli.WithHint(fmt.Errorf("%s is a folder", name), "name the recordings in it; tacet ls lists them")
	}
	if !info.Mode().IsRegular() {
		return nil, 0, cli.WithHint(fmt.Errorf("%s is not an ordinary file", name),
			"a recording is read more than once: save it as a file first")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// interruptible is a file whose reading ends when the command is to end.
type interruptible struct {
	ctx context.Context
	f   io.ReaderAt
}

func (r interruptible) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.f.ReadAt(p, off)
}

// follow shows progress that is told as a part, in bytes of a file.
func follow(p *cli.Progress, size int64) func(done, total int64) {
	shown := int64(0)
	return func(done, total int64) {
		if at := int64(float64(done) / float64(total) * float64(size)); at > shown {
			p.Add(at - shown)
			shown = at
		}
	}
}

// incomplete is the error for a file that isn't whole.
func incomplete(name string, rep *recording.Report) error {
	switch rep.State {
	case recording.Foreign:
		return fmt.Errorf("%s is not a recording: %s", name, rep.Why)
	case recording.Unfinished:
		return cli.WithHint(fmt.Errorf("%s is unfinished: %s", name, rep.Why),
			"it is still being recorded or copied, or its end was cut off: look for a longer copy")
	default:
		return cli.WithHint(fmt.Errorf("%s is damaged: %s", name, rep.Why),
			"look for another copy; tacet open saves what can be saved")
	}
}

// printVerdict says what a file is, in one line, and below it what is wrong with it.
func printVerdict(env *cli.Env, name string, rep *recording.Report, anyUnit bool) error {
	line := fmt.Sprintf("%s: %v", name, rep.State)
	if rep.HeadProved {
		line += fmt.Sprintf(", %s, %s/%s, %s", length(rep.Length()), rep.Head.Site, rep.Head.Room, start(rep.Head.Started))
	}
	if rep.End != nil {
		line += ", " + ending(rep.End.Reason)
	}
	switch {
	case rep.Vouched:
		line += ", by a known unit"
	case rep.HeadProved && !anyUnit:
		line += ", by an unknown unit"
	}
	lines := []string{line}
	if rep.State == recording.Damaged {
		for i := range rep.Damages {
			lines = append(lines, "    "+rep.Damages[i].Error())
		}
		if rep.More > 0 {
			lines = append(lines, fmt.Sprintf("    and %d more", rep.More))
		}
		lines = append(lines, fmt.Sprintf("    proved: %s from the start", length(rep.Proved())))
	}
	for _, line := range lines {
		if err := env.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// start is when a recording began, by the clock of whoever reads it.
func start(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// length is a time as players show it.
func length(d time.Duration) string {
	s := int64(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
