package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/takehome"
	"tacet/config/office"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/visit"
)

var copyCommand = cli.Command{
	Name: "copy",
	Usage: "[-from TIME] [-to TIME] [-without TIME-TIME]… [-wav] [-yes-this-is ROOM/DATE] -i KEY " +
		"[-passphrase-file FILE] -o FOLDER FILE",
	About: "make the copy that a patient takes home",
	Help: `
Writes the recording FILE to a new FOLDER, as files that play on any phone and computer: listen.html,
which plays offline with one big button, and visit.m4a and visit.caf with the same sound (visit.flac or
visit.wav if the recording is in that format). READ ME says which is for what. The files are not
encrypted: put FOLDER on the patient's own drive.

    tacet copy -i office.key -o /media/stick/visit FILE

The wrong patient's recording must not leave. copy shows the room and the time, and asks you to type
the room. Listen to the first and the last ten seconds before you do: "tacet open" makes a file that
plays. If the recording ran into the next consultation, -to ends the copy before that. A script
answers with -yes-this-is ROOM/DATE, such as room-3/2026-11-21.

"tacet verify FOLDER" says, apart: that the sound is genuine, by which unit, when, and whether it is
whole; and that the rest is as the office wrote it. The office's signing key, beside KEY, signs.

The WAV file that -wav adds plays on anything. It is decoded, so the proof doesn't cover it.`,
	Run: copyRun,
}

// copyFlags are the flags of tacet copy.
type copyFlags struct {
	part           partFlags
	keys           stringList
	out            string
	passphraseFile string
	yes            string
	wav            bool
}

func (c *copyFlags) parse(env *cli.Env, args []string) (file string, err error) {
	fs := env.Flags()
	fs.Var(&c.part.from, "from", "start at this `TIME` of the recording, such as 3:10")
	fs.Var(&c.part.to, "to", "end at this `TIME`")
	fs.Var(&c.part.without, "without", "withhold the sound between two times, `TIME-TIME`; may be repeated")
	fs.Var(&c.keys, "i", "open the recording with the office's `KEY`; the first one's signing key signs; may be repeated")
	fs.StringVar(&c.out, "o", "", "write the copy to `FOLDER`, which must not exist")
	fs.StringVar(&c.passphraseFile, "passphrase-file", "", "read the key's passphrase from `FILE`, and don't ask")
	fs.StringVar(&c.yes, "yes-this-is", "", "it is the recording of this `ROOM/DATE`: don't ask")
	fs.BoolVar(&c.wav, "wav", false, "also write visit.wav, which plays on anything")
	files, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return "", err
	case len(files) != 1:
		return "", env.Usage("copy takes one recording, not %d", len(files))
	case len(c.keys) == 0:
		return "", env.Usage("name the key with -i")
	case c.out == "" || c.out == "-":
		return "", env.Usage("name the folder for the copy with -o")
	}
	return files[0], nil
}

func copyRun(env *cli.Env, args []string) error {
	var flags copyFlags
	file, err := flags.parse(env, args)
	if err != nil {
		return err
	}
	flags.out = filepath.Clean(flags.out)
	if _, err := os.Lstat(flags.out); err == nil {
		return outExists(flags.out)
	}
	if err := checkFolder(flags.out); err != nil {
		return err // before anybody is asked for a passphrase
	}
	source, err := openSource(env, file, flags.keys, flags.passphraseFile)
	if err != nil {
		return err
	}
	defer source.Close()
	signer, err := openSigner(env, flags.keys[0], flags.passphraseFile)
	if err != nil {
		return err
	}
	part, err := source.partOf(&flags.part)
	if err != nil {
		return err
	}
	if err := source.confirm(env, part, flags.yes); err != nil {
		return err
	}
	return source.writeCopy(env, &flags, part, signer)
}

// partOf returns the part that is named; without flags it is all of the recording.
func (s *source) partOf(flags *partFlags) (excerpt.Part, error) {
	to := flags.to.at
	if !flags.to.set {
		to = s.length()
	}
	if len(flags.without) == 0 && flags.from.at == 0 && !flags.to.set {
		return excerpt.Part{Span: excerpt.Span{To: s.index.Proof.Segments}}, nil
	}
	part, err := excerpt.Select(s.index, flags.from.at, to, flags.without)
	if err != nil {
		return part, fmt.Errorf("take a part out of %s: %w", s.name, err)
	}
	return part, nil
}

// length is the length of the recording.
func (s *source) length() time.Duration {
	return excerpt.Length(s.index.Proof.Samples(), s.index.Proof.Head.Audio.Rate)
}

var errNotConfirmed = errors.New("no copy was made, because the room was not confirmed")

// confirm has somebody confirm that this is the right patient's recording.
func (s *source) confirm(env *cli.Env, part excerpt.Part, yes string) error {
	h := &s.index.Proof.Head
	day := h.Started.Local().Format(time.DateOnly)
	if yes != "" {
		if yes != h.Room+"/"+day {
			return cli.WithHint(fmt.Errorf("%s is not of %s, but of %s/%s; no copy was made", s.name, yes, h.Room, day),
				"look for the right recording with \"tacet ls\"")
		}
		return nil
	}
	env.Note("%s: %s, %s, %s", s.name, h.Room, formatTime(h.Started), partText(part, s.length()))
	env.Note("the wrong patient's recording must not leave: listen to its first and last ten seconds first")
	said, err := env.Ask("Type the room to confirm that it is this patient's:",
		"a script confirms with -yes-this-is "+h.Room+"/DATE")
	if err != nil {
		return err
	}
	if !strings.EqualFold(said, h.Room) {
		return errNotConfirmed
	}
	return nil
}

// about is what the page and READ ME say of a copy.
func (s *source) about(part excerpt.Part, c *copyFlags, signer office.Signer) *takehome.About {
	h := &s.index.Proof.Head
	whole := part.From == 0 && part.To == s.index.Proof.Segments
	a := &takehome.About{Site: h.Site, Room: h.Room, Started: h.Started, Purpose: h.Purpose, Unit: h.UnitKey, ID: h.ID,
		Codec: h.Audio.Codec, WithWAV: c.wav && h.Audio.Codec == "opus", Office: signer.Name(), Withheld: part.Held(),
		Part: "All of it, " + formatLength(s.length())}
	if !whole || part.Held() > 0 {
		text := partText(part, s.length())
		a.Part = strings.ToUpper(text[:1]) + text[1:]
	}
	end := min(time.Duration(part.To)*time.Second, s.length())
	a.Length = formatLength(end - time.Duration(part.From)*time.Second)
	return a
}

// writeCopy writes the copy to a folder that gets its name when it is finished.
func (s *source) writeCopy(env *cli.Env, flags *copyFlags, part excerpt.Part, signer office.Signer) error {
	c, err := visit.Prepare(s.index, part)
	if err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	dir, err := os.MkdirTemp(filepath.Dir(flags.out), ".tacet-*")
	if err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	defer os.RemoveAll(dir)
	// After an interrupt the program may end before a slow drive has synced. Nothing in clear stays.
	defer context.AfterFunc(env.Ctx, func() { os.RemoveAll(dir) })()
	f := &folder{dir: dir}
	if err := f.fill(c, s.about(part, flags, signer), signer); err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	if _, err := os.Lstat(flags.out); err == nil {
		return outExists(flags.out)
	}
	if err := os.Rename(dir, flags.out); err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	if err := syncFolder(filepath.Dir(flags.out)); err != nil {
		return fmt.Errorf("copy %s: %w", s.name, err)
	}
	env.Note("the files in %s are not encrypted: whoever has them can listen", flags.out)
	return env.Printf("%s: %s\n", flags.out, partText(part, s.length()))
}
