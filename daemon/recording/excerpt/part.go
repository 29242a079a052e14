// Package excerpt names parts of a recording, and makes files that play of them. Clips and copies
// share it.
//
//	part, err := excerpt.Select(index, from, to, without)
//	join, err := excerpt.NewJoiner(&head, part.From, n, segment)
package excerpt

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"tacet/daemon/recording"
)

// A Span is a run of whole seconds, from the start of a recording. To is not part of it.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Seconds is the length of a span.
func (s Span) Seconds() int64 { return s.To - s.From }

// A Part is some seconds of a recording, but for those that are withheld: spans inside it, in order,
// that don't touch.
type Part struct {
	Span
	Withheld []Span
}

// Withholds reports whether a second is withheld. Seconds count from 0.
func (p *Part) Withholds(second int64) bool {
	return slices.ContainsFunc(p.Withheld, func(s Span) bool { return second >= s.From && second < s.To })
}

// Held is the number of seconds that are withheld.
func (p *Part) Held() (n int64) {
	for _, s := range p.Withheld {
		n += s.Seconds()
	}
	return n
}

var errAllWithheld = errors.New("all of it is withheld")

// Check checks that a part can be one of a recording of so many segments.
func (p *Part) Check(segments int64) error {
	if p.From < 0 || p.To <= p.From || p.To > segments {
		return fmt.Errorf("seconds %d to %d of %d are no part", p.From, p.To, segments)
	}
	last := p.From - 1 // the end of the span before, which may not be touched
	for _, s := range p.Withheld {
		if s.From <= last || s.From < p.From || s.To <= s.From || s.To > p.To {
			return fmt.Errorf("seconds %d to %d can't be withheld here", s.From, s.To)
		}
		last = s.To
	}
	if p.Held() == p.Seconds() {
		return errAllWithheld
	}
	return nil
}

// A Stretch is a stretch of time from the start of a recording.
type Stretch struct{ From, To time.Duration }

// lookahead is how far before the end of a second a span may end, so that the codec may have put
// some of it into the next second. It has looked ahead by 6.5 ms, and blurs by some more.
const lookahead = 50 * time.Millisecond

// Select turns times into a part of a recording: the start is rounded down and the end up, and what
// is withheld outward. A time in whole seconds names the seconds as they are. If what is withheld
// ends within a second, but less than 50 ms before that second's end, the next one is withheld too.
func Select(x *recording.Index, from, to time.Duration, without []Stretch) (Part, error) {
	length := Length(x.Proof.Samples(), x.Proof.Head.Audio.Rate)
	if from < 0 || from >= length {
		return Part{}, fmt.Errorf("it can't start at %v: the recording has %v", from, length.Truncate(time.Second))
	}
	if to <= from {
		return Part{}, errors.New("it ends before it starts")
	}
	end := up(to)
	if end > x.Proof.Segments {
		if to >= length+time.Second {
			return Part{}, fmt.Errorf("it can't end at %v: the recording has %v", to, length.Truncate(time.Second))
		}
	}
	if to >= length { // the last segment may hold less than a second, or the codec's rest
		end = x.Proof.Segments
	}
	p := Part{Span: Span{int64(from / time.Second), min(end, x.Proof.Segments)}}
	for _, w := range without {
		if w.To <= w.From || w.From < 0 {
			return Part{}, errors.New("what is withheld ends before it starts")
		}
		s := Span{int64(w.From / time.Second), up(w.To)}
		if rest := time.Duration(s.To)*time.Second - w.To; rest > 0 && rest < lookahead {
			s.To++
		}
		if s.From, s.To = max(s.From, p.From), min(s.To, p.To); s.From < s.To {
			p.Withheld = append(p.Withheld, s)
		}
	}
	p.Withheld = merged(p.Withheld)
	return p, p.Check(x.Proof.Segments)
}

// up is a time in seconds, rounded up.
func up(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// merged returns spans in order, with those that touch or overlap made one.
func merged(list []Span) []Span {
	slices.SortFunc(list, func(a, b Span) int { return int(a.From - b.From) })
	var out []Span
	for _, s := range list {
		if last := len(out) - 1; last >= 0 && s.From <= out[last].To {
			out[last].To = max(out[last].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Length is the length of samples at a rate.
func Length(samples int64, rate int) time.Duration {
	r := int64(max(rate, 1))
	return time.Duration(samples/r)*time.Second + time.Duration(samples%r)*time.Second/time.Duration(r)
}

// Clock formats a position as players show it.
func Clock(seconds int64) string {
	if seconds >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%d:%02d", seconds/60, seconds%60)
}
