package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/clip"
)

// maxClipFactor limits the scrypt work factor of a clip that somebody sent: 1 GiB and some seconds.
const maxClipFactor = 20

// isClip reports whether a file is a clip, or claims to be one by its name. Then it says why it is
// none.
func isClip(name string, r io.ReaderAt, size int64) bool {
	return strings.HasSuffix(name, clip.Extension) || clip.Is(r, size)
}

// openClip writes the sound of a clip.
func openClip(o *opening, flags *openFlags) error {
	rep, err := verifyClip(o.env, o.name, o.f, o.size, o.known)
	if err != nil {
		return err
	}
	if err := o.acceptClip(rep); err != nil {
		return err
	}
	switch {
	case rep.Stanza == "scrypt":
		err = o.askClipPassphrase(flags.passphraseFile)
	case len(flags.identities) == 0:
		return o.env.Usage("name the key with -i")
	default:
		err = o.readKeys(flags)
	}
	if err != nil {
		return err
	}
	if flags.out == "-" {
		err = o.writeClipTo(o.env.Stdout)
	} else {
		err = writeNewFile(flags.out, o.writeClipTo)
	}
	if err == nil {
		o.env.Note("%s: %s, all of it proved", flags.out, partText(rep.Part, rep.Length()))
	}
	return err
}

// acceptClip refuses a clip of an unknown unit, or a name that promises another format.
func (o *opening) acceptClip(rep *clip.Report) error {
	if !rep.Vouched && !o.anyUnit {
		return cli.Exit(cli.ExitUnvouched, fmt.Errorf("%s: %w", o.name, unknownUnit(&recording.Report{Head: rep.Head}, o.known)))
	}
	return checkExtension(o.out, rep.Head.Audio.Codec)
}

func (o *opening) askClipPassphrase(file string) error {
	tries, err := o.env.Passphrases("passphrase for "+o.name, file)
	if err != nil {
		return err
	}
	for _, pass := range tries {
		id, err := age.NewScryptIdentity(pass)
		if err != nil {
			return fmt.Errorf("open %s: %w", o.name, err)
		}
		id.SetMaxWorkFactor(maxClipFactor)
		o.identities = append(o.identities, id)
	}
	return nil
}

func (o *opening) writeClipTo(w io.Writer) error {
	progress := o.env.Progress("open "+o.name, o.size)
	defer progress.Done()
	rep, err := clip.Open(interruptible{o.env.Ctx, o.f}, o.size, w, clip.Opening{
		Options:    clip.Options{Units: o.known, Progress: scaleProgress(progress, o.size)},
		Identities: o.identities,
		Accept:     o.acceptClip,
	})
	switch {
	case errors.Is(err, recording.ErrIdentity) && rep.Stanza == "scrypt":
		return fmt.Errorf("open %s: %w", o.name, recording.ErrPassphrase)
	case errors.Is(err, recording.ErrIdentity):
		return fmt.Errorf("open %s: it is not for this key", o.name)
	case err != nil:
		return clipError(o.name, err)
	}
	return nil
}

// verifyClip checks a clip.
func verifyClip(env *cli.Env, name string, f io.ReaderAt, size int64, known []string) (*clip.Report, error) {
	progress := env.Progress("verify "+name, size)
	defer progress.Done()
	rep, err := clip.Verify(interruptible{env.Ctx, f}, size,
		clip.Options{Units: known, Progress: scaleProgress(progress, size)})
	if err != nil {
		return nil, clipError(name, err)
	}
	return rep, nil
}

// clip verifies a clip, and prints what it is.
func (v *verifier) clip(name string, f io.ReaderAt, size int64) error {
	rep, err := verifyClip(v.env, name, f, size, v.known)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		v.failed = append(v.failed, err)
		return nil
	}
	if err := printClip(v.env, name, rep, v.anyUnit); err != nil {
		return err
	}
	if !rep.Vouched {
		v.unvouched(name, &recording.Report{Head: rep.Head})
	}
	return nil
}

// clipError says what is wrong with a clip.
func clipError(name string, err error) error {
	if errors.As(err, new(*bundle.Fault)) {
		return cli.WithHint(fmt.Errorf("%s is not a genuine clip: %w", name, err),
			"ask whoever made it for another copy; nothing of this one counts")
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// printClip prints what a clip is, in one line.
func printClip(env *cli.Env, name string, rep *clip.Report, anyUnit bool) error {
	line := fmt.Sprintf("%s: genuine, %s/%s, %s, %s", name, rep.Head.Site, rep.Head.Room, formatTime(rep.Head.Started),
		partText(rep.Part, rep.Length()))
	if rep.End == nil {
		line += " that are proved"
	}
	return env.Printf("%s%s\n", line, byUnit(rep.Vouched, anyUnit))
}

// byUnit ends the line of a verdict.
func byUnit(vouched, anyUnit bool) string {
	switch {
	case vouched:
		return ", by a known unit"
	case anyUnit:
		return ""
	}
	return ", by an unknown unit"
}
