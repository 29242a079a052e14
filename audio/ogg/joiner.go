package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// second is the length of a full segment, in samples at 48 kHz.
const second = Rate

// A Joiner puts the segments of one recording together into an Ogg Opus file.
type Joiner struct {
	id       string
	head     Head
	serial   uint32
	sequence uint32 // of the next page
	granule  int64  // where the last page ended
	toc      byte   // of the last packet
	begun    bool   // the headers are through
	ended    bool   // the page with the end mark is through
	held     []byte // the last segment: it gets the end mark, if nothing follows
}

// NewJoiner begins the file of a recording, captured at a rate, with one channel or two.
func NewJoiner(id string, rate, channels int) *Joiner {
	return &Joiner{id: id, serial: Serial(id), head: Head{Channels: channels, PreSkip: PreSkip, Rate: rate}}
}

// Add takes the next segment and returns what can be written to the file by now. A segment that is
// damaged, of another recording or out of its place is an error, and changes nothing: Skip may be
// called instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	next := *j
	if err := next.check(segment); err != nil {
		return nil, fmt.Errorf("second %d: %w", j.granule/Rate, err)
	}
	return j.put(&next, segment), nil
}

// Skip puts a second of silence in the place of a segment that is lost.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("nothing can be lost behind the last segment")
	}
	next := *j
	var out []byte
	s := &Stream{serial: j.serial, sequence: j.sequence}
	if !j.begun {
		s, out = NewStream(j.id, j.head)
		next.begun = true
	}
	packet := silence(j.toc | byte(j.head.Channels-1)<<2)
	n, err := Duration(packet)
	if err != nil {
		return nil, err
	}
	for range second / n {
		s.Packet(packet)
	}
	next.granule += second
	out = s.Page(out, 0, next.granule)
	next.sequence = s.sequence
	return j.put(&next, out), nil
}

// put goes on to the next state, holds what it has been given and lets go of what it held.
func (j *Joiner) put(next *Joiner, segment []byte) []byte {
	out := j.held
	*j = *next
	j.held = append([]byte(nil), segment...)
	return out
}

// Finish returns the rest of the file, with the end mark: a recording that was cut off has none.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.begun {
		return nil, errors.New("there is nothing in it")
	}
	out := j.held
	j.held = nil
	if !j.ended {
		mark(out)
	}
	return out, nil
}

// Samples is how many frames have been put together, at the rate at which they were captured.
func (j *Joiner) Samples() int64 {
	return max(0, j.granule-int64(j.head.PreSkip)) * int64(j.head.Rate) / Rate
}

// mark sets the end mark on the last of some good pages.
func mark(pages []byte) {
	for len(pages) > 0 {
		_, rest, err := Parse(pages)
		if err != nil {
			return
		}
		if len(rest) == 0 {
			pages[flagsAt] |= Last
			binary.LittleEndian.PutUint32(pages[crcAt:], checksum(pages))
		}
		pages = rest
	}
}

// check goes through a segment's pages.
func (j *Joiner) check(segment []byte) error {
	if j.ended {
		return errors.New("there is a segment behind the last one")
	}
	rest := segment
	if !j.begun {
		var err error
		if rest, err = j.checkHeaders(rest); err != nil {
			return err
		}
		j.begun = true
	}
	p, rest, err := Parse(rest)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return errors.New("there is more than a page in it")
	}
	if err := j.checkPlace(&p); err != nil {
		return err
	}
	return j.checkSound(&p)
}

// checkHeaders goes through the first two pages.
func (j *Joiner) checkHeaders(data []byte) (rest []byte, err error) {
	for i := range 2 {
		var p Page
		if p, data, err = Parse(data); err != nil {
			return nil, err
		}
		if err := j.checkPlace(&p); err != nil {
			return nil, err
		}
		if p.Granule != 0 || p.Flags != First*byte(1-i) {
			return nil, fmt.Errorf("page %d is no header", p.Sequence)
		}
		if i == 1 {
			err = checkTags(p.Body, j.id)
		} else {
			err = j.checkHead(p.Body)
		}
		if err != nil {
			return nil, err
		}
	}
	return data, nil
}

func (j *Joiner) checkHead(packet []byte) error {
	head, err := parseHead(packet)
	if err != nil {
		return err
	}
	if head != j.head {
		return fmt.Errorf("the Opus header says %+v instead of %+v", head, j.head)
	}
	return nil
}

// checkPlace tells whether a page is the next one of this recording.
func (j *Joiner) checkPlace(p *Page) error {
	switch {
	case p.Serial != j.serial:
		return errors.New("it is of another recording")
	case p.Sequence != j.sequence:
		return fmt.Errorf("page %d stands in the place of page %d", p.Sequence, j.sequence)
	case len(p.Lacing) == 0 || p.Lacing[len(p.Lacing)-1] == maxLacing:
		return fmt.Errorf("page %d ends within a packet", p.Sequence)
	}
	j.sequence++
	return nil
}

// checkSound tells whether a page of sound is as long as it says: a second, but for the last one.
func (j *Joiner) checkSound(p *Page) error {
	var length int64
	for packet := range p.Packets {
		n, err := Duration(packet)
		if err != nil {
			return err
		}
		length += int64(n)
		j.toc = packet[0]
	}
	switch p.Flags {
	case 0:
		if length != second || p.Granule != j.granule+length {
			return fmt.Errorf("page %d holds %d samples and ends at %d", p.Sequence, length, p.Granule)
		}
	case Last:
		// Trimming at the end leaves out part of the last packet, or the padding of a packet more.
		if trim := j.granule + length - p.Granule; p.Granule < j.granule || trim < 0 || trim >= second/4 {
			return fmt.Errorf("the last page holds %d samples and ends at %d", length, p.Granule)
		}
		j.ended = true
	default:
		return fmt.Errorf("page %d has the flags %#x", p.Sequence, p.Flags)
	}
	j.granule = p.Granule
	return nil
}
