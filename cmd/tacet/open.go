package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

var openCommand = cli.Command{
	Name:  "open",
	Usage: "[-i KEY]… [-passphrase-file FILE] [-unit KEY] [-any-unit] [-silence TIME] -o OUT FILE",
	About: "decrypt a recording or a clip to a file that plays",
	Help: `
Verifies the recording, decrypts it with the key in the file KEY, and writes the sound to OUT: an
.opus, .flac or .wav file. OUT must not exist; - is standard output.

From a damaged or unfinished recording it saves what it can, puts silence where sound is lost, lists
those seconds, and exits with 1.

A clip, as "tacet clip" makes it, is opened with the key that it is for, or without -i with the
passphrase that came with it. There is silence where its maker withheld something. A clip that was
changed is not opened at all, and exits with 1.

A recording of an unknown unit is not opened, and exits with 3: see tacet verify -h. If the head of
a recording is not proved, anybody may have made it: it is not opened, and exits with 1. -any-unit
opens both.`,
	Run: open,
}

// openFlags are the flags of tacet open.
type openFlags struct {
	units          unitFlags
	identities     stringList
	out            string
	passphraseFile string
	silence        time.Duration
}

// parse returns the recording's file.
func (o *openFlags) parse(env *cli.Env, args []string) (file string, err error) {
	fs := env.Flags()
	fs.Var(&o.identities, "i", "open with the key in the file `KEY`; may be repeated")
	fs.StringVar(&o.out, "o", "", "write the sound to the file `OUT`")
	fs.StringVar(&o.passphraseFile, "passphrase-file", "", "read the passphrase from `FILE`, and don't ask")
	fs.DurationVar(&o.silence, "silence", recording.MaxSilence, "fill in at most this `TIME` of silence for lost sound")
	o.units.register(fs)
	files, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return "", err
	case len(files) != 1:
		return "", env.Usage("open takes one recording, not %d", len(files))
	case o.out == "":
		return "", env.Usage("name the file for the sound with -o")
	case o.silence < 0 || o.silence > recording.MaxSilence:
		return "", env.Usage("-silence %v is not between 0s and %v, the longest possible recording", o.silence,
			recording.MaxSilence)
	case o.silence == 0:
		o.silence = -1 // none
	}
	return files[0], nil
}

func open(env *cli.Env, args []string) error {
	var flags openFlags
	file, err := flags.parse(env, args)
	if err != nil {
		return err
	}
	if err := checkOut(env, flags.out); err != nil {
		return err // before anybody is asked for a passphrase
	}
	known, err := flags.units.keys(env)
	if err != nil {
		return err
	}
	f, size, err := openFile(file)
	if err != nil {
		return err
	}
	defer f.Close()
	o := &opening{env: env, name: file, f: f, size: size, out: flags.out, known: known, anyUnit: flags.units.any,
		silence: flags.silence}
	switch {
	case isClip(file, f, size):
		return openClip(o, &flags)
	case len(flags.identities) == 0:
		return env.Usage("name the key with -i")
	}
	if err := o.readKeys(&flags); err != nil {
		return err
	}
	if flags.out == "-" {
		err = o.writeTo(env.Stdout)
	} else {
		err = o.writeFile(flags.out)
	}
	if err == nil {
		o.printSummary()
	}
	return err
}

// readKeys reads the keys that -i names.
func (o *opening) readKeys(flags *openFlags) error {
	for _, name := range flags.identities {
		more, err := readIdentities(o.env, name, flags.passphraseFile)
		if err != nil {
			return err
		}
		o.identities = append(o.identities, more...)
	}
	return nil
}

// readIdentities reads a key file. If the file is encrypted, it asks for the passphrase.
func readIdentities(env *cli.Env, name, passphraseFile string) ([]age.Identity, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, cli.WithHint(fmt.Errorf("there is no key %s", name),
			"look for the copy that is kept elsewhere; \"tacet whose FILE\" lists the keys that open a recording")
	}
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	defer f.Close()
	ids, err := recording.ParseIdentitiesTrying(f, func() ([]string, error) {
		return env.Passphrases("passphrase for "+name, passphraseFile)
	})
	if err != nil {
		return nil, fmt.Errorf("read the key %s: %w", name, err)
	}
	return ids, nil
}

// opening is a recording that is being opened.
type opening struct {
	env        *cli.Env
	name       string
	out        string // "-" is standard output
	f          *os.File
	size       int64
	identities []age.Identity
	known      []string // verifier keys of units
	anyUnit    bool
	silence    time.Duration // the most to fill in; negative for none

	rep *recording.Report
}

// writeTo writes the sound to w. After an incompleteError, what was written is worth keeping.
func (o *opening) writeTo(w io.Writer) error {
	progress := o.env.Progress("open "+o.name, o.size)
	defer progress.Done()
	rep, err := recording.Open(interruptible{o.env.Ctx, o.f}, o.size, w, recording.Opening{
		Options:    recording.Options{Units: o.known, Progress: scaleProgress(progress, o.size)},
		Identities: o.identities,
		Silence:    o.silence,
		Accept:     o.accept,
	})
	progress.Done()
	o.rep = rep
	switch {
	case errors.Is(err, recording.ErrIdentity):
		return o.wrongIdentity()
	case errors.Is(err, recording.ErrNoKey):
		return fmt.Errorf("%w; %v", incomplete(o.name, rep), err)
	case errors.Is(err, recording.ErrNoSound):
		return o.noSound()
	case errors.As(err, new(*refusal)):
		return err
	case err != nil:
		return fmt.Errorf("open %s: %w", o.name, err)
	}
	o.printActs()
	if !o.lengthFits() {
		o.env.Warn("the sound is larger than 4 GiB, too large for a WAV file to state its length: " +
			"some players show a wrong length, or stop early")
	}
	return o.incomplete()
}

// refusal is a reason not to open a recording.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// accept reports whether a verified recording may be opened. If its head isn't proved, it only
// claims to be from a unit: anybody who knows the public keys can make such a file.
func (o *opening) accept(rep *recording.Report) error {
	switch {
	case rep.State == recording.Foreign:
		return &refusal{incomplete(o.name, rep)}
	case rep.Vouched || o.anyUnit:
		if err := checkExtension(o.out, rep.Head.Audio.Codec); err != nil {
			return &refusal{err}
		}
		return nil
	case rep.HeadProved:
		code := cli.ExitUnvouched
		if !rep.State.Complete() {
			code = cli.ExitFailed
		}
		return &refusal{cli.Exit(code, fmt.Errorf("%s: %w", o.name, unknownUnit(rep, o.known)))}
	default:
		return &refusal{cli.WithHint(incomplete(o.name, rep),
			"nothing proves which unit made it; -any-unit opens it anyway")}
	}
}
