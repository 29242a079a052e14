package audio

import (
	"fmt"
	"io"

	judged "tacet/audio/stream"
)

// A Format says what a recording is written as.
type Format struct {
	Codec    string // opus, flac or wav
	Rate     int    // frames a second
	Channels int    // 1 or 2
	Bitrate  int    // bits a second, for opus
	ID       string // the recording's
}

// A Segment is a second of a recording, encoded.
type Segment = judged.Segment

// An Encoder turns samples into segments. It is for one goroutine.
type Encoder interface {
	// Encode takes more samples, interleaved, and returns the segments that they completed. It keeps none of its input.
	Encode(samples []int16) ([]Segment, error)
	// Close returns the rest: always one segment, which may hold no frame but only the end.
	Close() ([]Segment, error)
}

// NewEncoder begins a recording.
func NewEncoder(f Format) (Encoder, error) {
	if f.Channels < 1 || f.Channels > 2 {
		return nil, fmt.Errorf("encode %s: %d channels: there can be 1 or 2", f.Codec, f.Channels)
	}
	var c codec
	var err error
	switch f.Codec {
	case "opus":
		c, err = newOpus(f)
	case "flac":
		c, err = newFLAC(f)
	case "wav":
		c, err = newWAV(f)
	default:
		err = fmt.Errorf("no such codec")
	}
	if err != nil {
		return nil, fmt.Errorf("encode %q: %w", f.Codec, err)
	}
	return &encoder{codec: c, format: f, rest: make([]int16, 0, c.unit()*f.Channels)}, nil
}

// A codec writes one format, a second at a time.
type codec interface {
	// unit is how many frames are encoded at once. A second holds a whole number of them.
	unit() int
	// begin appends the headers.
	begin(dst []byte) []byte
	// add encodes some units of the running second.
	add(samples []int16) error
	// second appends the running second, which is full, and begins the next one.
	second(dst []byte) []byte
	// end appends the running second with the last samples, less than a unit, and the end mark.
	end(dst []byte, samples []int16) ([]byte, error)
}

// An encoder cuts samples into units, and those into seconds.
type encoder struct {
	codec  codec
	format Format
	rest   []int16 // less than a unit
	first  int64   // the frame that the running second begins with
	frames int64   // of the running second that the codec has
	begun  bool
	closed bool
}

func (e *encoder) Encode(samples []int16) ([]Segment, error) {
	if e.closed {
		return nil, io.ErrClosedPipe
	}
	var list []Segment
	for len(samples) > 0 {
		n := min(len(samples), cap(e.rest)-len(e.rest))
		e.rest = append(e.rest, samples[:n]...)
		samples = samples[n:]
		if len(e.rest) < cap(e.rest) {
			break
		}
		if err := e.codec.add(e.rest); err != nil {
			return list, e.failed(err)
		}
		e.frames += int64(len(e.rest) / e.format.Channels)
		e.wipe()
		if e.frames == int64(e.format.Rate) {
			s := e.running()
			s.Data = e.codec.second(s.Data)
			list = append(list, s)
			e.first, e.frames, e.begun = e.first+e.frames, 0, true
		}
	}
	return list, nil
}

func (e *encoder) Close() ([]Segment, error) {
	if e.closed {
		return nil, nil
	}
	e.closed = true
	s := e.running()
	s.Samples += int64(len(e.rest) / e.format.Channels)
	var err error
	if s.Data, err = e.codec.end(s.Data, e.rest); err != nil {
		return nil, e.failed(err)
	}
	e.wipe()
	return []Segment{s}, nil
}

// running is the segment that is being filled, without its sound.
func (e *encoder) running() Segment {
	s := Segment{First: e.first, Samples: e.frames}
	if !e.begun {
		s.Data = e.codec.begin(nil)
	}
	return s
}

func (e *encoder) failed(err error) error {
	return fmt.Errorf("encode second %d of %s: %w", e.first/int64(e.format.Rate), e.format.ID, err)
}

// wipe leaves no samples lying about.
func (e *encoder) wipe() {
	clear(e.rest)
	e.rest = e.rest[:0]
}
