package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/sethvargo/go-diceware/diceware"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/daemon/recording"
	"tacet/daemon/recording/clip"
	"tacet/daemon/recording/excerpt"
)

var clipCommand = cli.Command{
	Name:  "clip",
	Usage: "-from TIME -to TIME [-without TIME-TIME]… [-r RECIPIENT]… -i KEY [-passphrase-file FILE] -o OUT FILE",
	About: "take a part out of a recording that proves itself",
	Help: `
Writes a part of the recording FILE to OUT, whose name should end in .tacet-clip. "tacet verify" shows
of a clip what it shows of a recording, and where in the recording the part stands. Whoever opens it
hears nothing of the rest.

    tacet clip -from 3:10 -to 4:20 -i office.key -o part.tacet-clip FILE

A clip has whole seconds: the start is rounded down, the end up, and what is withheld outward. Silence
stands for what is withheld, and the proof still holds.

It is encrypted for each RECIPIENT, a public key or a file of them. Without -r it is encrypted with a
passphrase of six words, which clip makes and prints: tell it to the receiver by another way than the
one on which you send the clip.`,
	Run: clipRun,
}

// clipWorkFactor is the scrypt work factor of a clip's passphrase. Six words can't be guessed
// anyway, and phones should be able to open it.
var clipWorkFactor = 16

// passphraseWords is the number of words in a passphrase that is made: 77 bits.
const passphraseWords = 6

// partFlags are the flags that name a part of a recording.
type partFlags struct {
	from, to position
	without  stretches
}

// position is a flag that holds a position in a recording.
type position struct {
	at  time.Duration
	set bool
}

func (p *position) String() string { return "" }
func (p *position) Set(s string) (err error) {
	p.at, err = parsePosition(s)
	p.set = true
	return err
}

// stretches is a flag that holds stretches of a recording; it may be repeated.
type stretches []excerpt.Stretch

func (s *stretches) String() string { return "" }
func (s *stretches) Set(text string) error {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return errors.New("write two times, as in 3:30-3:34")
	}
	first, err := parsePosition(from)
	if err != nil {
		return err
	}
	last, err := parsePosition(to)
	*s = append(*s, excerpt.Stretch{From: first, To: last})
	return err
}

// parsePosition parses a position as players show it: seconds, minutes:seconds, or
// hours:minutes:seconds; seconds may have a fraction.
func parsePosition(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is not a time such as 3:10 or 1:03:10", s)
	fields := strings.Split(s, ":")
	if len(fields) > 3 {
		return 0, bad
	}
	var total time.Duration
	for i, field := range fields {
		last := i == len(fields)-1
		if field == "" || strings.Trim(field, "0123456789.") != "" || !last && strings.Contains(field, ".") {
			return 0, bad
		}
		v, err := strconv.ParseFloat(field, 64)
		if err != nil || v >= 100_000 || i > 0 && v >= 60 {
			return 0, bad
		}
		total = total*60 + time.Duration(v*1000+0.5)*time.Millisecond
	}
	return total, nil
}

func clipRun(env *cli.Env, args []string) error {
	fs := env.Flags()
	var part partFlags
	var recipients, keys stringList
	fs.Var(&part.from, "from", "start at this `TIME` of the recording, such as 3:10")
	fs.Var(&part.to, "to", "end at this `TIME`")
	fs.Var(&part.without, "without", "withhold the sound between two times, `TIME-TIME`; may be repeated")
	fs.Var(&recipients, "r", "encrypt it for this `RECIPIENT`: a public key, or a file of them; may be repeated")
	fs.Var(&keys, "i", "open the recording with the key in the file `KEY`; may be repeated")
	out := fs.String("o", "", "write the clip to the file `OUT`, which must not exist")
	passphraseFile := fs.String("passphrase-file", "", "read the key's passphrase from `FILE`, and don't ask")
	files, err := env.Parse(fs, args)
	switch {
	case err != nil:
		return err
	case len(files) != 1:
		return env.Usage("clip takes one recording, not %d", len(files))
	case !part.from.set || !part.to.set:
		return env.Usage("name the part with -from and -to")
	case len(keys) == 0:
		return env.Usage("name the key with -i")
	case *out == "" || *out == "-":
		return env.Usage("name the file for the clip with -o")
	}
	if err := checkOut(env, *out); err != nil {
		return err // before anybody is asked for a passphrase
	}
	passphrase, to, err := receivers(recipients)
	if err != nil {
		return err
	}
	source, err := openSource(env, files[0], keys, *passphraseFile)
	if err != nil {
		return err
	}
	defer source.Close()
	return source.writeClip(env, *out, &part, to, passphrase)
}

// receivers returns who can open a clip. If nobody is named, it makes a passphrase.
func receivers(named []string) (passphrase string, to []age.Recipient, err error) {
	if len(named) == 0 {
		words, err := diceware.Generate(passphraseWords)
		if err != nil {
			return "", nil, fmt.Errorf("make a passphrase: %w", err)
		}
		passphrase = strings.Join(words, " ")
		scrypt, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return "", nil, fmt.Errorf("make a passphrase: %w", err)
		}
		scrypt.SetWorkFactor(clipWorkFactor)
		return passphrase, []age.Recipient{scrypt}, nil
	}
	keys, err := config.Recipients(named)
	if err == nil {
		to, err = recording.ParseRecipients(keys)
	}
	if err != nil {
		return "", nil, cli.WithHint(cli.Exit(cli.ExitUsage, err), "-r takes public keys (age1…), and files of them")
	}
	return "", to, nil
}

func (s *source) writeClip(env *cli.Env, out string, flags *partFlags, to []age.Recipient, passphrase string) error {
	part, err := excerpt.Select(s.index, flags.from.at, flags.to.at, flags.without)
	if err != nil {
		return fmt.Errorf("take a part out of %s: %w", s.name, err)
	}
	err = writeNewFile(out, func(w io.Writer) error { return clip.Make(w, s.index, part, to) })
	if err != nil {
		return fmt.Errorf("take a part out of %s: %w", s.name, err)
	}
	if err := env.Printf("%s: %s\n", out, partText(part, s.length())); err != nil {
		return err
	}
	if passphrase != "" {
		return env.Printf("passphrase: %s\n", passphrase)
	}
	return nil
}

// partText says which part of a recording something is.
func partText(p excerpt.Part, length time.Duration) string {
	end := min(time.Duration(p.To)*time.Second, length)
	text := fmt.Sprintf("from %s to %s of %s", excerpt.Clock(p.From), formatLength(end), formatLength(length))
	const most = 10
	for i, s := range p.Withheld {
		if i == most {
			return text + fmt.Sprintf(", and %d more withheld", len(p.Withheld)-most)
		}
		text += fmt.Sprintf(", %d s withheld at %s", s.Seconds(), excerpt.Clock(s.From))
	}
	return text
}
