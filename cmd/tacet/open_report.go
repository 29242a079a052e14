package main

import (
	"fmt"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

// printSummary prints what was written, how long it is, and what isn't proved.
func (o *opening) printSummary() {
	rep, out := o.rep, o.out
	if out == "-" {
		out = "standard output"
	}
	text := fmt.Sprintf("%s: %s of sound, all of it proved", out, formatLength(rep.Length()))
	if rep.State == recording.Interrupted {
		text += ", up to the power cut"
	}
	if !rep.Vouched {
		text += "; but which unit made it is not proved: its key is unknown"
	}
	o.env.Note("%s", text)
}

// printActs prints who consented to the recording.
func (o *opening) printActs() {
	for _, list := range [][]recording.Act{o.rep.Consent, o.rep.Closing} {
		for _, a := range list {
			o.env.Note("%s: %s", formatTime(a.Time), describeAct(a))
		}
	}
}

// wrongIdentity says which keys would open the recording.
func (o *opening) wrongIdentity() error {
	err := fmt.Errorf("open %s: it is not for this key", o.name)
	if len(o.identities) > 1 {
		err = fmt.Errorf("open %s: it is for none of these %d keys", o.name, len(o.identities))
	}
	if !o.rep.HeadRead || len(o.rep.Head.Recipients) == 0 {
		return err
	}
	var given []string
	for _, id := range o.identities {
		given = append(given, fingerprint(id))
	}
	return cli.WithHint(err, "it is for the keys with the fingerprints %s, and you gave %s; "+
		"\"tacet whose -i KEY FILE\" tries each of your keys",
		strings.Join(o.rep.Head.Recipients, ", "), strings.Join(given, ", "))
}

func (o *opening) noSound() error {
	if o.rep.Segments == 0 && o.rep.State.Complete() {
		return fmt.Errorf("open %s: it ended within its first second, so there is no sound in it", o.name)
	}
	if o.rep.State.Complete() {
		return fmt.Errorf("open %s: not one second of it opens", o.name)
	}
	return fmt.Errorf("%w; not one second of it opens", incomplete(o.name, o.rep))
}

// incompleteError says what is wrong with a recording whose sound was written anyway.
type incompleteError struct{ error }

func (e *incompleteError) Unwrap() error { return e.error }

// incomplete warns of what is lost, and returns an error, unless the sound is complete.
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
	text := fmt.Sprintf("%s of sound saved", formatLength(sound.Length()))
	if o.out != "-" {
		text = o.out + ": " + text
	}
	if len(sound.Silence) > 0 {
		text += "; silence replaces " + formatSpans(sound.Silence)
	}
	if len(sound.LeftOut) > 0 {
		text += "; left out because of -silence: " + formatSpans(sound.LeftOut)
	}
	switch {
	case !rep.HeadProved:
		text += "; none of it is proved: anybody could have made it"
	case len(sound.Unproved) > 0:
		text += "; not proved: " + formatSpans(sound.Unproved)
	}
	o.env.Warn("%s", text)
	return &incompleteError{err}
}

// formatSpans lists seconds, but no more than fit into a line.
func formatSpans(list []recording.Span) string {
	const most = 10
	var words []string
	for i, s := range list {
		if i == most {
			words = append(words, fmt.Sprintf("and %d more gaps", len(list)-most))
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
