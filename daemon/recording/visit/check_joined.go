package visit

import (
	"bytes"
	"errors"
	"fmt"

	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
)

// joinedCheck is a check of a FLAC or WAV file, second by second: each is sealed again, and joined
// again as the file that opening gives.
type joinedCheck struct {
	*Proof
	*sound
	join  excerpt.Joiner
	given int
}

// checkJoined checks a FLAC or WAV file.
func (p *Proof) checkJoined(s *sound) error {
	h := &p.Head
	size := wav.HeaderLen
	if h.Audio.Codec == "flac" {
		head, err := flacHeader(h)
		if err != nil {
			return excerpt.Fault(err)
		}
		size = len(head)
	}
	join, err := excerpt.NewJoiner(h, p.Part.From, 1, nil) // FLAC and WAV need no second for silence
	if err != nil {
		return excerpt.Fault(err)
	}
	head, err := s.next(int64(size))
	if err != nil {
		return err
	}
	c := &joinedCheck{Proof: p, sound: s, join: join}
	for second := p.Part.From; second < p.Part.To; second++ {
		if err := c.second(second, size); err != nil {
			return err
		}
		size = 0 // only the first has the file's header before it
	}
	if s.at != s.size {
		return s.fault(0, "%d bytes follow the sound", s.size-s.at)
	}
	if want := join.Header(); !bytes.Equal(head, want) {
		return &bundle.Fault{Offset: int64(differsAt(head, want)), What: "the file's header is not the only one that it may have"}
	}
	return nil
}

// second checks a second, counted from 0. head is the size of what the joiner puts before it.
func (c *joinedCheck) second(s int64, head int) error {
	if c.Part.Withholds(s) {
		want, err := c.join.Silence()
		if err != nil {
			return c.fault(0, "%s: %v", excerpt.Clock(s), err)
		}
		body, err := c.next(int64(len(want) - head))
		if err == nil && !bytes.Equal(body, want[head:]) {
			err = c.fault(len(body), "%s: it is withheld, but there is something other than silence", excerpt.Clock(s))
		}
		return err
	}
	body, err := c.next(c.length(s))
	if err != nil {
		return err
	}
	if err := c.check(s, body, head); errors.As(err, new(*bundle.Fault)) {
		return err
	} else if err != nil {
		return c.fault(len(body), "%s: the sound of this second: %v", excerpt.Clock(s), err)
	}
	c.given++
	return nil
}

// length is how many bytes of the file a second that is given takes. Only the last may be short.
func (c *joinedCheck) length(s int64) int64 {
	a := &c.Head.Audio
	if a.Codec == "flac" {
		return int64(c.Proof.size(c.given))
	}
	full := int64(2 * a.Channels * a.Rate)
	if s == c.Part.To-1 {
		return min(full, c.sound.size-c.at)
	}
	return full
}

// check checks the sound of a second that is given.
func (c *joinedCheck) check(s int64, body []byte, head int) (err error) {
	plain := body
	if c.Head.Audio.Codec == "flac" {
		if plain, err = renumber(&c.Head, body, s+1, c.Part.From, false); err != nil {
			return err
		}
	}
	if s == 0 {
		plain = append(bytes.Clone(c.edges), plain...)
	}
	if err := c.checkSegment(c.given, s+1, plain); err != nil {
		return err
	}
	out, err := c.join.Add(s+1, plain)
	if err != nil {
		return fmt.Errorf("%s: %w", recording.SegmentName(s+1, "age"), err)
	}
	if !bytes.Equal(out[head:], body) {
		return errNotIts
	}
	return nil
}
