package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// second is the length of a full segment, in samples at 48 kHz.
const second = Rate

// A Joiner joins the segments of one recording into an Ogg Opus file.
type Joiner struct {
	id       string
	head     Head
	serial   uint32
	sequence uint32 // of the next page
	granule  int64  // granule position at the end of the last page
	toc      byte   // of the last packet
	started  bool   // the headers were accepted
	ended    bool   // the page with the end mark was accepted
	held     []byte // the last segment: it gets the end mark if none follows
}

// NewJoiner starts the file of a recording that was captured at a rate, with one channel or two.
func NewJoiner(id string, rate, channels int) *Joiner {
	return &Joiner{id: id, serial: Serial(id), head: Head{Channels: channels, PreSkip: PreSkip, Rate: rate}}
}

// Add takes the next segment and returns what can be written to the file. A segment that is
// damaged, out of place or of another recording is an error and changes nothing: call Skip instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	next := *j
	if err := next.check(segment); err != nil {
		return nil, fmt.Errorf("second %d: %w", j.granule/Rate, err)
	}
	return j.advance(&next, segment), nil
}

// Skip replaces a lost segment by a second of silence.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("no segment can be lost after the last one")
	}
	next := *j
	var out []byte
	s := &Stream{serial: j.serial, sequence: j.sequence}
	if !j.started {
		s, out = NewStream(j.id, j.head)
		next.started = true
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
	return j.advance(&next, out), nil
}

// advance moves to the next state, holds the segment and returns the one held before.
func (j *Joiner) advance(next *Joiner, segment []byte) []byte {
	out := j.held
	*j = *next
	j.held = append([]byte(nil), segment...)
	return out
}

// Finish returns the rest of the file, with the end mark, which a recording that was cut off lacks.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.started {
		return nil, errors.New("the recording is empty")
	}
	out := j.held
	j.held = nil
	if !j.ended {
		mark(out)
	}
	return out, nil
}

// Samples is the number of samples per channel so far, at the rate of the capture.
func (j *Joiner) Samples() int64 {
	return max(0, j.granule-int64(j.head.PreSkip)) * int64(j.head.Rate) / Rate
}

// mark sets the end mark on the last of some valid pages.
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

// check checks a segment's pages.
func (j *Joiner) check(segment []byte) error {
	if j.ended {
		return errors.New("a segment follows the last one")
	}
	rest := segment
	if !j.started {
		var err error
		if rest, err = j.checkHeaders(rest); err != nil {
			return err
		}
		j.started = true
	}
	p, rest, err := Parse(rest)
	if err != nil {
		return err
	}
	if len(rest) != 0 {
		return errors.New("it holds more than one page")
	}
	if err := j.checkPlace(&p); err != nil {
		return err
	}
	return j.checkSound(&p)
}

// checkHeaders checks the first two pages.
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
			return nil, fmt.Errorf("page %d is not a header", p.Sequence)
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

// checkPlace checks that a page is the next one of this recording.
func (j *Joiner) checkPlace(p *Page) error {
	switch {
	case p.Serial != j.serial:
		return errors.New("it belongs to another recording")
	case p.Sequence != j.sequence:
		return fmt.Errorf("page %d is in the place of page %d", p.Sequence, j.sequence)
	case len(p.Lacing) == 0 || p.Lacing[len(p.Lacing)-1] == maxLacing:
		return fmt.Errorf("page %d ends within a packet", p.Sequence)
	}
	j.sequence++
	return nil
}

// checkSound checks the length of a page of sound: one second, except for the last page.
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
		// The trim at the end is part of the last packet, or padding of up to one packet more.
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
