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

// An Encoder turns samples into segments.
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
	return &encoder{codec: c, format: f, block: make([]int16, 0, f.Rate*f.Channels)}, nil
}

// A codec writes one format.
type codec interface {
	// begin appends the headers.
	begin(dst []byte) []byte
	// second appends one second of samples.
	second(dst []byte, samples []int16) ([]byte, error)
	// end appends the last samples, less than a second, and the end mark.
	end(dst []byte, samples []int16) ([]byte, error)
}

// An encoder cuts samples into seconds.
type encoder struct {
	codec  codec
	format Format
	block  []int16 // less than a second
	frames int64   // encoded so far
	begun  bool
	closed bool
}

func (e *encoder) Encode(samples []int16) ([]Segment, error) {
	if e.closed {
		return nil, io.ErrClosedPipe
	}
	var list []Segment
	for len(samples) > 0 {
		n := min(len(samples), cap(e.block)-len(e.block))
		e.block = append(e.block, samples[:n]...)
		samples = samples[n:]
		if len(e.block) < cap(e.block) {
			break
		}
		s, err := e.segment(e.codec.second)
		if err != nil {
			return list, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (e *encoder) Close() ([]Segment, error) {
	if e.closed {
		return nil, nil
	}
	e.closed = true
	s, err := e.segment(e.codec.end)
	if err != nil {
		return nil, err
	}
	return []Segment{s}, nil
}

// segment encodes what has been gathered, by one of the codec's two ways.
func (e *encoder) segment(encode func([]byte, []int16) ([]byte, error)) (Segment, error) {
	s := Segment{First: e.frames, Samples: int64(len(e.block) / e.format.Channels)}
	if !e.begun {
		s.Data, e.begun = e.codec.begin(nil), true
	}
	var err error
	if s.Data, err = encode(s.Data, e.block); err != nil {
		return s, fmt.Errorf("encode second %d of %s: %w", s.First/int64(e.format.Rate), e.format.ID, err)
	}
	e.frames += s.Samples
	clear(e.block) // no samples are left lying about
	e.block = e.block[:0]
	return s, nil
}
