package recording

import (
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
)

// Opening configures Open.
type Opening struct {
	Options
	Identities []age.Identity

	// Silence limits the silence put in for lost seconds; 0 means MaxSilence, less means none.
	// Segments that would need more before them are left out.
	Silence time.Duration

	// Accept, if not nil, is called with the verified file's report before anything is decrypted.
	// If it returns an error, Open returns that error.
	Accept func(*Report) error
}

// MaxSilence is the most silence that is put in for lost segments. No recording is longer, since
// consent lapses after 12 hours; a few forged bytes could ask for days.
const MaxSilence = 12 * time.Hour

var (
	// ErrIdentity says that a recording is not for any of the identities.
	ErrIdentity = errors.New("none of the identities opens it")

	// ErrNoKey says that a file has no key.age. Without it nothing can be opened.
	ErrNoKey = errors.New("key.age is missing: nothing of it can be opened")

	// ErrNoSound says that not one second of sound could be opened.
	ErrNoSound = errors.New("there is no sound in it")

	// ErrChanged says that a file changed between two reads.
	ErrChanged = errors.New("the file changed while it was read")

	errNotRecording = errors.New("not a recording")
)

// Sound is what Open wrote. Each lost second is a second of silence, so that all others keep their
// positions.
type Sound struct {
	Seconds  int64  // segments, silence included
	Samples  int64  // frames, at Rate
	Rate     int    // of the recording, in frames per second
	Silence  []Span // seconds that were lost
	LeftOut  []Span // seconds that would have needed too much silence before them
	Unproved []Span // seconds that opened and fit, but that no note proves
}

// Length is the playing time, silence included.
func (s *Sound) Length() time.Duration { return duration(s.Samples, int64(s.Rate)) }

// Span is a run of seconds from First to Last, counted from 1.
type Span struct{ First, Last int64 }

// Open verifies the first size bytes of r as Verify does, decrypts the sound and writes it to w:
// one Ogg Opus, FLAC or WAV file, with its true length in the header and the end mark set.
//
// From a recording that isn't complete it writes all that opens and belongs: each segment that
// decrypts with the recording's own key, carries its ID, and fits its position. The Report says
// what that is, and how much of it is proved.
//
// It verifies the whole file before it writes the first byte, and checks each note's signature: a
// second counts as proved only if its own note is good. The sound is decrypted from bytes that are
// read and hashed again: if they don't have the hash in the tree, Open returns ErrChanged. After an
// error, discard what was written.
func Open(r io.ReaderAt, size int64, w io.Writer, o Opening) (*Report, error) {
	var in contents
	progress := o.Progress
	o.Progress = stage(progress, 0)
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
		// The header holds the length, so count in a first pass.
		p.progress = stage(progress, 1)
		if _, err := p.play(join, io.Discard); err != nil {
			return rep, err
		}
		w = &overlay{w, join.(headed).Header()}
		if join, err = newJoiner(&p.head); err != nil {
			return rep, err
		}
	}
	p.final, p.progress = true, stage(progress, 2)
	rep.Sound, err = p.play(join, w)
	return rep, err
}

// silence returns the limit in seconds.
func (o *Opening) silence() int64 {
	if o.Silence == 0 || o.Silence > MaxSilence {
		return int64(MaxSilence / time.Second)
	}
	return max(0, int64(o.Silence/time.Second))
}

// stage turns the progress of one of three passes (verify, count, write), numbered from 0, into
// that of all of them.
func stage(progress func(done, total int64), pass int64) func(done, total int64) {
	if progress == nil {
		return nil
	}
	return func(done, total int64) { progress(pass*total+done, 3*total) }
}
