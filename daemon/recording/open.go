package recording

import (
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
)

// Opening is what Open needs to know.
type Opening struct {
	Options
	Identities []age.Identity

	// Silence is how much of it may stand for seconds that are lost; 0 is MaxSilence, and less is
	// none. What could only stand behind more of it is left out.
	Silence time.Duration

	// Accept, if not nil, is asked when the file has been verified, before anything is decrypted.
	// Its error ends Open, and is returned.
	Accept func(*Report) error
}

// MaxSilence bounds the silence that is put in for what is lost: consent lapses after 12 hours at
// most, so no recording is longer. A few bytes could ask for days of it.
const MaxSilence = 12 * time.Hour

var (
	// ErrIdentity says that a recording is not for any of the identities.
	ErrIdentity = errors.New("none of the identities opens it")

	// ErrNoKey says that a file has no key.age, without which nothing of it can be opened.
	ErrNoKey = errors.New("key.age is missing: nothing of it can be opened")

	// ErrNoSound says that there is no second of sound to be had.
	ErrNoSound = errors.New("there is no sound in it")

	// ErrChanged says that a file was not the same when it was read again.
	ErrChanged = errors.New("the file changed while it was read")

	errNotRecording = errors.New("not a recording")
)

// Sound is what Open wrote. Positions are time: where a second is lost, a second of silence stands,
// so that all others are in their places.
type Sound struct {
	Seconds  int64  // segments, silence included
	Samples  int64  // frames, at Rate
	Rate     int    // the recording's, in frames a second
	Silence  []Span // lost seconds
	LeftOut  []Span // seconds that stand behind more silence than may be put in
	Unproved []Span // seconds that opened, and fit, but that no note proves
}

// Length is how long it plays, silence included.
func (s *Sound) Length() time.Duration { return howLong(s.Samples, int64(s.Rate)) }

// Span is a run of seconds, from First to Last, both counted from 1.
type Span struct{ First, Last int64 }

// Open verifies the first size bytes of r as Verify does, decrypts the sound and writes it to w:
// one Ogg Opus, FLAC or WAV file, with its true length in the header and the end mark set.
//
// Of a recording that isn't complete it writes all that opens and belongs: each segment that
// decrypts with the recording's own key, carries its ID, and fits where it stands. The Report says
// what that is, and what of it is proved.
//
// It verifies the whole file before it gives out the first byte, and checks each note's signature:
// a second counts as proved only if its own note is good. The sound is decrypted from bytes that
// are read again and hashed again: only those with the hash that stands in the tree are taken, all
// else is ErrChanged. After an error, what has been written is not worth keeping.
func Open(r io.ReaderAt, size int64, w io.Writer, o Opening) (*Report, error) {
	var in contents
	told := o.Progress
	o.Progress = stage(told, 0)
	rep, err := inspect(r, size, &in, &o.Options)
	if err != nil {
		return rep, err
	}
	if rep.State != Foreign && in.key == nil {
		return rep, ErrNoKey
	}
	if o.Accept != nil {
		if err := o.Accept(rep); err != nil {
			return rep, err
		}
	}
	if rep.State == Foreign {
		return rep, fmt.Errorf("%w: %s", errNotRecording, rep.Why)
	}
	p := &player{r: r, size: size, rep: rep, head: rep.Head, segments: in.inOrder(), silence: o.silence()}
	if err := p.unlock(&in, o.Identities); err != nil {
		return rep, err
	}
	join, err := newJoiner(&p.head)
	if err != nil {
		return rep, err
	}
	if _, ok := join.(headed); ok {
		// The header tells the length, and stands before all that is counted: so count first.
		p.progress = stage(told, 1)
		if _, err := p.play(join, io.Discard); err != nil {
			return rep, err
		}
		w = &overlay{w, join.(headed).Header()}
		if join, err = newJoiner(&p.head); err != nil {
			return rep, err
		}
	}
	p.final, p.progress = true, stage(told, 2)
	rep.Sound, err = p.play(join, w)
	return rep, err
}

// silence is the most of it, in seconds.
func (o *Opening) silence() int64 {
	if o.Silence == 0 || o.Silence > MaxSilence {
		return int64(MaxSilence / time.Second)
	}
	return max(0, int64(o.Silence/time.Second))
}

// stage turns progress within one of three passes, counted from 0, into that of all: verify, count,
// write.
func stage(told func(done, total int64), pass int64) func(done, total int64) {
	if told == nil {
		return nil
	}
	return func(done, total int64) { told(pass*total+done, 3*total) }
}
