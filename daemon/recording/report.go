package recording

import (
	"fmt"
	"slices"
	"time"
)

// State is what there is to say of a recording's file as a whole.
type State uint8

const (
	Foreign     State = iota // not a recording
	Damaged                  // a recording in which something is not as it was written
	Unfinished               // a recording that goes on, or was cut off
	Interrupted              // complete; the unit closed it after the power had gone
	Whole                    // complete
)

func (s State) String() string {
	switch s {
	case Damaged:
		return "damaged"
	case Unfinished:
		return "unfinished"
	case Interrupted:
		return "interrupted"
	case Whole:
		return "whole"
	}
	return "not a recording"
}

// Complete reports whether the recording has its end, and all before it.
func (s State) Complete() bool { return s == Whole || s == Interrupted }

// Damage is one place where a file is not as a recorder writes it.
type Damage struct {
	Member string // "" where it can't be told
	Second int64  // the segment that it concerns, from 1; or AtHead, AtEnd
	Last   int64  // the last segment, where it concerns several
	Offset int64  // in the file
	What   string // a phrase, to stand behind the member's name
}

// Damage that concerns no segment is before the first one or behind the last.
const (
	AtHead = 0
	AtEnd  = -1
)

func (d *Damage) Error() string {
	where := fmt.Sprintf("second %d", d.Second)
	switch {
	case d.Second == AtHead:
		where = "the head"
	case d.Second == AtEnd:
		where = "the end"
	case d.Last > d.Second:
		where = fmt.Sprintf("seconds %d to %d", d.Second, d.Last)
	}
	if d.Member == "" {
		return fmt.Sprintf("%s: %s (byte %d)", where, d.What, d.Offset)
	}
	return fmt.Sprintf("%s: %s: %s (byte %d)", where, d.Member, d.What, d.Offset)
}

// maxDamages bounds the list in a Report.
const maxDamages = 100

// Report is what Verify and Open found.
type Report struct {
	State State

	// Why says in a phrase what is wrong with a file that is foreign, unfinished or damaged.
	Why string

	// Head is recording.json. HeadProved says that recording.note covers it; without that it is
	// only what the file claims. HeadRead says that there is one.
	Head                 Head
	HeadRead, HeadProved bool

	// Vouched says that the head is proved by a unit's key that the caller knows.
	Vouched bool

	// Stanzas are the types of those in key.age: one for each who can open the recording. It is nil
	// if the head isn't proved.
	Stanzas []string

	End *End // end.json; nil where there is none, or it isn't proved

	// Segments is the number of segments from the first on that are proved, and Bytes where in the
	// file the proof ends: the whole file, if it is complete.
	Segments int64
	Bytes    int64

	// Damages lists what is not as it should be, in the file's order; More is how many there was no
	// room for.
	Damages []Damage
	More    int64

	// Consent and Closing are the acts before and behind the recording, and Sound is what was
	// written: from Open.
	Consent, Closing []Act
	Sound            *Sound
}

// Samples is the recording's length in samples: what end.json says or, without it, that of the
// proved segments, each a full second.
func (r *Report) Samples() int64 {
	if r.End != nil {
		return r.End.Samples
	}
	return r.Segments * int64(r.Head.Audio.Rate)
}

// Length is the recording's length.
func (r *Report) Length() time.Duration { return howLong(r.Samples(), int64(r.Head.Audio.Rate)) }

// Proved is how much of it is proved from the start on: the last of the proved segments may be
// shorter than a second.
func (r *Report) Proved() time.Duration {
	seconds := time.Duration(r.Segments) * time.Second
	if r.End == nil {
		return seconds
	}
	return min(seconds, r.Length())
}

// howLong is how long so many samples take.
func howLong(samples, rate int64) time.Duration {
	if rate == 0 {
		return 0
	}
	return time.Duration(samples/rate)*time.Second + time.Duration(samples%rate)*time.Second/time.Duration(rate)
}

func (r *Report) add(d Damage) {
	if len(r.Damages) == maxDamages {
		r.More++
		return
	}
	r.Damages = append(r.Damages, d)
}

// Options are those of Verify and Open.
type Options struct {
	// Units are the units' keys that the caller knows, as note verifier keys. The whole key counts:
	// a name anybody can take, and a key hash has only 32 bits.
	Units []string

	// Progress, if not nil, is told now and then how many of the bytes have been read.
	Progress func(done, total int64)
}

// vouches reports whether the caller knows a unit's key.
func (o *Options) vouches(vkey string) bool { return slices.Contains(o.Units, vkey) }
