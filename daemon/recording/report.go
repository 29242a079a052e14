package recording

import (
	"fmt"
	"slices"
	"time"
)

// State is the condition of a recording's file as a whole.
type State uint8

const (
	Foreign     State = iota // not a recording
	Damaged                  // a recording that is not as it was written
	Unfinished               // a recording still being written, or cut off
	Interrupted              // complete, but closed by the unit after a power cut
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

// Complete reports whether the recording has its end, and everything before it.
func (s State) Complete() bool { return s == Whole || s == Interrupted }

// Damage is one place where a file is not what a recorder writes.
type Damage struct {
	Member string // "" if it isn't known
	Second int64  // the segment concerned, from 1; or AtHead, AtEnd
	Last   int64  // the last segment, if several are concerned
	Offset int64  // in the file
	What   string // a phrase to follow the member's name
}

// Damage before the first segment, and after the last.
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

// Report is the result of Verify and Open.
type Report struct {
	State State

	// Why says in a phrase what is wrong with a file that is foreign, unfinished or damaged.
	Why string

	// Head is recording.json; HeadRead says that there is one. HeadProved says that recording.note
	// covers it: otherwise it is only what the file claims.
	Head                 Head
	HeadRead, HeadProved bool

	// Vouched says that a unit's key that the caller knows proves the head.
	Vouched bool

	// Stanzas are the types of the stanzas in key.age, one for each who can open the recording. It
	// is nil if the head isn't proved.
	Stanzas []string

	End *End // end.json; nil if there is none, or it isn't proved

	// Segments is the number of proved segments, counted from the first, and Bytes the offset in
	// the file where the proof ends: the file's size if it is complete.
	Segments int64
	Bytes    int64

	// Damages lists what is wrong, in file order; More is the number of damages left out.
	Damages []Damage
	More    int64

	// Set by Open: the acts before and after the recording, and what was written.
	Consent, Closing []Act
	Sound            *Sound
}

// Samples returns the recording's length in samples: from end.json or, without it, one second for
// each proved segment.
func (r *Report) Samples() int64 {
	if r.End != nil {
		return r.End.Samples
	}
	return r.Segments * int64(r.Head.Audio.Rate)
}

// Length returns the recording's length.
func (r *Report) Length() time.Duration { return duration(r.Samples(), int64(r.Head.Audio.Rate)) }

// Proved returns how much of it is proved, from the start. The last proved segment may be shorter
// than a second.
func (r *Report) Proved() time.Duration {
	seconds := time.Duration(r.Segments) * time.Second
	if r.End == nil {
		return seconds
	}
	return min(seconds, r.Length())
}

// duration returns the length of samples at rate.
func duration(samples, rate int64) time.Duration {
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

// Options configures Verify and Open.
type Options struct {
	// Units are the verifier keys of the units that the caller knows. They are compared whole:
	// anybody can use a name, and a key hash has only 32 bits.
	Units []string

	// Progress, if not nil, is called now and then with the number of bytes read.
	Progress func(done, total int64)
}

// vouches reports whether the caller knows a unit's key.
func (o *Options) vouches(vkey string) bool { return slices.Contains(o.Units, vkey) }
