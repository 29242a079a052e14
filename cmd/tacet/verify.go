package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/config/office"
	"tacet/daemon/recording"
)

var verifyCommand = cli.Command{
	Name:  "verify",
	Usage: "[-unit KEY] [-any-unit] [-recipients KEYS] [-office KEY] FILE…",
	About: "check that recordings, clips and copies are unchanged",
	Help: `
Checks every byte of a recording, without its key: verify can't listen. It finds each byte that was
changed, added or removed, and says in which second.

Of a clip, as "tacet clip" makes it, it says which part of which recording it is, and what was
withheld. Anything else than a genuine clip exits with 1.

Of the folder of a copy, as "tacet copy" makes it, it says two things apart: that the sound is genuine,
by which unit, when, and which part of the recording; and that the page and all else are as the office
wrote them. For that, name the office's office.vkey with -office.

The unit signs its recordings with its own key. You have to know which units to trust: collect their
keys when you install them, and keep them one on a line in the file known-units, in the folder tacet
of your config folder.

With -recipients, verify also checks that nobody can open the recording but the people with these
public keys: give it the file that is on the unit. recording.json claims who they are, and key.age
has one stanza for each; verify counts the stanzas. It can't see whose key a stanza is for: whoever
controls the unit could name you and encrypt for somebody else in your place. If the counts agree
and each of your keys opens the recording, nobody else can.

Exits with 0 if every recording is whole, or was interrupted by a power cut, and is from a known
unit; with 3 if a unit is not known; with 1 if a recording is unfinished or damaged, is no
recording, or can be opened by somebody else.`,
	Run: verify,
}

func verify(env *cli.Env, args []string) error {
	fs := env.Flags()
	var units unitFlags
	var recipients, officeKeys stringList
	units.register(fs)
	fs.Var(&officeKeys, "office", "trust the office with this `KEY`, or in this file: who wrote a copy; may be repeated")
	fs.Var(&recipients, "recipients",
		"check that only these `KEYS` open it: a public key, or a file of them; may be repeated")
	files, err := env.Parse(fs, args)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return env.Usage("name a recording to verify")
	}
	known, err := units.keys(env)
	if err != nil {
		return err
	}
	allowed, err := readRecipients(recipients)
	if err != nil {
		return err
	}
	offices, err := readOffices(officeKeys)
	if err != nil {
		return err
	}
	v := &verifier{env: env, known: known, allowed: allowed, offices: offices, anyUnit: units.any}
	return v.files(files)
}

// files verifies all files.
func (v *verifier) files(files []string) error {
	for _, name := range files {
		if err := v.verify(name); err != nil {
			return err
		}
	}
	switch {
	case len(v.failed) > 0:
		return cli.Exit(cli.ExitFailed, joinErrors(append(v.failed, v.unknown...)))
	case len(v.unknown) > 0:
		return cli.Exit(cli.ExitUnvouched, joinErrors(v.unknown))
	}
	return nil
}

// verifier verifies several files, and collects what is wrong with them.
type verifier struct {
	env             *cli.Env
	known           []string
	allowed         recipientSet
	offices         []office.Key
	anyUnit         bool
	failed, unknown []error
}

// verify verifies one file. An error ends the program: it says nothing about the file.
func (v *verifier) verify(name string) error {
	if isCopy(name) {
		return v.copy(name)
	}
	f, size, err := openFile(name)
	if err != nil {
		v.failed = append(v.failed, err)
		return nil
	}
	defer f.Close()
	if isClip(name, f, size) {
		return v.clip(name, f, size)
	}
	rep, err := inspectFile(v.env, name, f, size, v.known)
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		v.failed = append(v.failed, err)
		return nil
	}
	if err := printVerdict(v.env, name, rep, v.anyUnit); err != nil {
		return err
	}
	if err := v.allowed.verify(v.env, name, rep); err != nil {
		v.failed = append(v.failed, err)
	}
	if !rep.State.Complete() {
		v.failed = append(v.failed, incomplete(name, rep))
	} else if !rep.Vouched {
		v.unvouched(name, rep)
	}
	return nil
}

// unvouched collects that a file is of an unknown unit, unless that is allowed.
func (v *verifier) unvouched(name string, rep *recording.Report) {
	if !v.anyUnit {
		v.unknown = append(v.unknown, fmt.Errorf("%s: %w", name, unknownUnit(rep, v.known)))
	}
}

// joinErrors is errors.Join, but returns a single error as it is, with its hints.
func joinErrors(list []error) error {
	if len(list) == 1 {
		return list[0]
	}
	return errors.Join(list...)
}

// inspect verifies the recording of a name.
func inspect(env *cli.Env, name string, known []string) (*recording.Report, error) {
	f, size, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return inspectFile(env, name, f, size, known)
}

// inspectFile verifies one recording.
func inspectFile(env *cli.Env, name string, f *os.File, size int64, known []string) (*recording.Report, error) {
	progress := env.Progress("verify "+name, size)
	defer progress.Done()
	rep, err := recording.Verify(interruptible{env.Ctx, f}, size,
		recording.Options{Units: known, Progress: scaleProgress(progress, size)})
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	return rep, nil
}

// openFile opens a file that may be a recording. It checks the type first, because opening a pipe
// would wait for a writer.
func openFile(name string) (*os.File, int64, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, 0, err
	}
	if info.IsDir() {
		return nil, 0, cli.WithHint(fmt.Errorf("%s is a folder", name), "name the recordings in it; \"tacet ls\" lists them")
	}
	if !info.Mode().IsRegular() {
		return nil, 0, cli.WithHint(fmt.Errorf("%s is not an ordinary file", name),
			"save the recording as a file first: it is read more than once")
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

// interruptible is a file whose reads fail once ctx ends.
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

// scaleProgress shows progress that is reported as a fraction, in bytes of a file.
func scaleProgress(p *cli.Progress, size int64) func(done, total int64) {
	shown := int64(0)
	return func(done, total int64) {
		if at := int64(float64(done) / float64(total) * float64(size)); at > shown {
			p.Add(at - shown)
			shown = at
		}
	}
}

// incomplete is the error for a file that isn't a complete recording.
func incomplete(name string, rep *recording.Report) error {
	switch rep.State {
	case recording.Foreign:
		return fmt.Errorf("%s is not a recording: %s", name, rep.Why)
	case recording.Unfinished:
		return cli.WithHint(fmt.Errorf("%s is unfinished: %s", name, rep.Why),
			"it is still being recorded or copied, or it was cut off: look for a longer copy")
	default:
		return cli.WithHint(fmt.Errorf("%s is damaged: %s", name, rep.Why),
			"look for another copy; \"tacet open\" saves what it can")
	}
}

// printVerdict prints a file's state in one line, and what is wrong with it below.
func printVerdict(env *cli.Env, name string, rep *recording.Report, anyUnit bool) error {
	line := fmt.Sprintf("%s: %v", name, rep.State)
	if rep.HeadProved {
		line += fmt.Sprintf(", %s, %s/%s, %s", formatLength(rep.Length()), rep.Head.Site, rep.Head.Room,
			formatTime(rep.Head.Started))
	}
	if rep.End != nil {
		line += ", " + endingText(rep.End.Reason)
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
		lines = append(lines, fmt.Sprintf("    proved: %s from the start", formatLength(rep.Proved())))
	}
	for _, line := range lines {
		if err := env.Printf("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// formatTime formats a time in the reader's own time zone.
func formatTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }

// formatLength formats a length as players show it.
func formatLength(d time.Duration) string {
	s := int64(d.Seconds())
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
