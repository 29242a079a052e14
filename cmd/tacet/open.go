package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"golang.org/x/term"

	"tacet/audio/wav"
	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

var openCommand = cli.Command{
	Name:  "open",
	Usage: "-i KEY [-passphrase-file FILE] [-unit KEY] [-any-unit] [-silence TIME] -o OUT FILE",
	About: "decrypt a recording to a file that plays",
	Help: `
Verifies the recording, decrypts it with the key in the file KEY, and writes its sound to OUT: an .opus, .flac or .wav file. OUT must not exist;
- is standard output.

Of a damaged or unfinished recording it saves what there is, with silence for what is lost, says which seconds those are, and exits
with 1. A recording of an unknown unit is not opened, and exits with 3: see tacet verify -h. One whose head is not proved is that of an
unknown unit, whatever it says, and exits with 1; -any-unit opens it too, and then anybody may have made it.`,
	Run: open,
}

func open(env *cli.Env, args []string) error {
	fs := env.Flags()
	var units unitFlags
	var identities names
	fs.Var(&identities, "i", "open with the key in this file; may be repeated")
	out := fs.String("o", "", "write the sound to the file `OUT`")
	passphraseFile := fs.String("passphrase-file", "", "take the passphrase from `FILE`, and don't ask")
	silence := fs.Duration("silence", recording.MaxSilence, "put in no more silence than this `TIME` for what is lost")
	units.register(fs)
	files, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(files) != 1:
		return env.Usage("open takes one recording, not %d", len(files))
	case len(identities) == 0:
		return env.Usage("-i names no key")
	case *out == "":
		return env.Usage("-o names no file for the sound")
	case *silence < 0 || *silence > recording.MaxSilence:
		return env.Usage("-silence %v is not between 0s and %v, the longest recording that there is", *silence,
			recording.MaxSilence)
	case *silence == 0:
		*silence = -1 // none
	}
	if *out == "-" && isTerminal(env.Stdout) {
		return cli.WithHint(errors.New("standard output is a terminal, which can't show sound"),
			"name a file with -o, or pipe it to a player")
	}
	if _, err := os.Lstat(*out); *out != "-" && err == nil {
		return soundExists(*out) // before anybody is asked for a passphrase
	} else if err := folderThere(*out); err != nil {
		return err
	}
	known, err := units.keys(env)
	if err != nil {
		return err
	}
	f, size, err := openFile(files[0])
	if err != nil {
		return err
	}
	defer f.Close()
	o := &opening{env: env, name: files[0], f: f, size: size, out: *out, known: known, anyUnit: units.any,
		silence: *silence}
	for _, name := range identities {
		more, err := readIdentities(env, name, *passphraseFile)
		if err != nil {
			return err
		}
		o.identities = append(o.identities, more...)
	}
	if *out == "-" {
		err = o.to(env.Stdout)
	} else {
		err = o.toFile(*out)
	}
	if err == nil {
		o.done()
	}
	return err
}

// done says what has been written, how long it is, and what of it isn't proved.
func (o *opening) done() {
	rep, where := o.rep, o.out
	if where == "-" {
		where = "standard output"
	}
	said := fmt.Sprintf("%s: %s of sound, all of it proved", where, length(rep.Length()))
	if rep.State == recording.Interrupted {
		said += ", up to the power cut"
	}
	if !rep.Vouched {
		said += "; which unit made it is not: nobody vouches for its key"
	}
	o.env.Note("%s", said)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// folderThere is nil where a new file can have a name like this.
func folderThere(name string) error {
	dir := filepath.Dir(name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return cli.WithHint(fmt.Errorf("there is no folder %s", dir), "make it first, or write another name after -o")
	}
	return nil
}

func soundExists(name string) error {
	return cli.WithHint(fmt.Errorf("%s exists already", name), "choose another name: nothing is overwritten")
}

// readIdentities reads a key file, and asks for its passphrase if it has one.
func readIdentities(env *cli.Env, name, passphraseFile string) ([]age.Identity, error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil, cli.WithHint(fmt.Errorf("there is no key %s", name),
			"look for the copy that is kept elsewhere: without one of the keys that a recording is for nothing opens it; tacet whose FILE says which those are")
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

// opening is one recording that is being opened.
type opening struct {
	env        *cli.Env
	name       string
	out        string // where the sound goes; "-" is standard output
	f          *os.File
	size       int64
	identities []age.Identity
	known      []string
	anyUnit    bool
	silence    time.Duration

	rep *recording.Report
}

// to writes the sound to w. An error that is an incompleteError says that what was written is worth
// keeping.
func (o *opening) to(w io.Writer) error {
	progress := o.env.Progress("open "+o.name, o.size)
	defer progress.Done()
	rep, err := recording.Open(interruptible{o.env.Ctx, o.f}, o.size, w, recording.Opening{
		Options:    recording.Options{Units: o.known, Progress: follow(progress, o.size)},
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
	o.tell()
	if !o.tellsLength() {
		o.env.Warn("the sound is larger than 4 GiB, and no WAV file can say how long it is then: some players show a wrong length, or stop early")
	}
	return o.incomplete()
}

// tellsLength reports whether the file that was written says how long it is.
func (o *opening) tellsLength() bool {
	a := &o.rep.Head.Audio
	return a.Codec != "wav" || o.rep.Sound.Samples*int64(a.Channels)*2 <= wav.MaxLength
}

// refusal is a reason for not opening a file.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

// accept says whether a recording that has been verified may be opened. One whose head isn't proved
// only claims to be of a unit: anybody can make it who knows the public keys.
func (o *opening) accept(rep *recording.Report) error {
	switch {
	case rep.State == recording.Foreign:
		return &refusal{incomplete(o.name, rep)}
	case rep.Vouched || o.anyUnit:
		if err := wrongName(o.out, rep.Head.Audio.Codec); err != nil {
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
			"nothing proves which unit made it; -any-unit opens it all the same")}
	}
}

// wrongIdentity says whose keys would open the recording.
func (o *opening) wrongIdentity() error {
	err := fmt.Errorf("open %s: it is not for this key", o.name)
	if len(o.identities) > 1 {
		err = fmt.Errorf("open %s: it is for none of these %d keys", o.name, len(o.identities))
	}
	if !o.rep.HeadRead || len(o.rep.Head.Recipients) == 0 {
		return err
	}
	var mine []string
	for _, id := range o.identities {
		mine = append(mine, fingerprint(id))
	}
	return cli.WithHint(err, "it is for the keys with the fingerprints %s; given was %s; tacet whose -i KEY FILE tries each of your keys",
		strings.Join(o.rep.Head.Recipients, ", "), strings.Join(mine, ", "))
}

func (o *opening) noSound() error {
	if o.rep.Segments == 0 && o.rep.State.Complete() {
		return fmt.Errorf("open %s: it ended before its first second: there is no sound in it", o.name)
	}
	if o.rep.State.Complete() {
		return fmt.Errorf("open %s: no second of it opens", o.name)
	}
	return fmt.Errorf("%w; no second of it opens", incomplete(o.name, o.rep))
}

// tell says who consented to what has been opened.
func (o *opening) tell() {
	for _, list := range [][]recording.Act{o.rep.Consent, o.rep.Closing} {
		for _, a := range list {
			o.env.Note("%s: %s", start(a.Time), actWords(a))
		}
	}
}

// incompleteError says what is wrong with a recording whose sound was written all the same.
type incompleteError struct{ error }

func (e *incompleteError) Unwrap() error { return e.error }

func (o *opening) incomplete() error {
	rep, sound := o.rep, o.rep.Sound
	var err error
	switch {
	case !rep.State.Complete():
		err = incomplete(o.name, rep)
	case len(sound.Silence)+len(sound.LeftOut) > 0:
		err = fmt.Errorf("%s: %w", o.name, &rep.Damages[0])
	default:
		return nil
	}
	said := fmt.Sprintf("%s of sound saved", length(sound.Length()))
	if o.out != "-" {
		said = o.out + ": " + said
	}
	if len(sound.Silence) > 0 {
		said += "; silence stands for " + spans(sound.Silence)
	}
	if len(sound.LeftOut) > 0 {
		said += "; left out, after more silence than may be put in: " + spans(sound.LeftOut)
	}
	switch {
	case !rep.HeadProved:
		said += "; none of it is proved: anybody could have made it"
	case len(sound.Unproved) > 0:
		said += "; not proved: " + spans(sound.Unproved)
	}
	o.env.Warn("%s", said)
	return &incompleteError{err}
}

// spans lists seconds, but no more than fit into a line.
func spans(list []recording.Span) string {
	const most = 10
	var words []string
	for i, s := range list {
		if i == most {
			words = append(words, fmt.Sprintf("and %d stretches more", len(list)-most))
			break
		}
		if s.First == s.Last {
			words = append(words, fmt.Sprintf("second %d", s.First))
		} else {
			words = append(words, fmt.Sprintf("seconds %d to %d", s.First, s.Last))
		}
	}
	return strings.Join(words, ", ")
}

// toFile writes the sound to a file that must not exist. Nobody sees a half of it: it gets its name
// when it is finished.
func (o *opening) toFile(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".tacet-*"+filepath.Ext(name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	opened := o.to(f)
	if opened != nil && !errors.As(opened, new(*incompleteError)) {
		f.Close() // it goes anyway
		return opened
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := publish(f.Name(), name); errors.Is(err, os.ErrExist) {
		return soundExists(name)
	} else if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return opened
}

// link is os.Link, but for tests.
var link = os.Link

// publish gives a file its name, if nothing has it. Where there are no hard links, as on a FAT
// stick, an empty file takes the name first.
func publish(from, to string) error {
	err := link(from, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
