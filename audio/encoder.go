package audio

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"tacet/audio/encoded"
	"tacet/audio/locked"
)

// A Format says what a recording is written as.
type Format struct {
	Codec    string // opus, flac or wav
	Rate     int    // frames a second
	Channels int    // 1 or 2
	Bitrate  int    // bits a second, for opus
	ID       string // the recording's
}

// An Encoder turns samples into segments. It is for one goroutine. The sound that it holds is in
// locked memory, which it wipes and gives back at the end, after an error and at Release; the
// segments are the caller's to wipe.
type Encoder interface {
	// Encode takes more samples, interleaved, and returns the segments that they completed, also
	// with an error. It keeps none of its input. After an error nothing can be encoded any more.
	Encode(samples []int16) ([]encoded.Segment, error)
	// Close returns the rest: always one segment, which may hold no frame but only the end. A
	// second Close returns nothing.
	Close() ([]encoded.Segment, error)
	// Release is for a recording that comes to no end: it drops the rest. It may be called at any
	// time, and more than once.
	Release()
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
	e := &encoder{codec: c, format: f}
	if e.memory, err = locked.New(c.unit() * f.Channels * 2); err != nil {
		e.Release()
		return nil, fmt.Errorf("encode %q: %w", f.Codec, err)
	}
	e.rest = locked.Samples(e.memory)[:0]
	return e, nil
}

// A codec writes one format, a second at a time.
type codec interface {
	// unit is how many frames are encoded at once, but at the end. A second holds a whole number of
	// them.
	unit() int
	// begin appends the headers.
	begin(dst []byte) []byte
	// add encodes a unit of the running second.
	add(samples []int16) error
	// second appends the running second, which is full, and begins the next one.
	second(dst []byte) []byte
	// end appends the running second with the last samples, less than a unit, and the end mark.
	end(dst []byte, samples []int16) ([]byte, error)
	// release wipes all that it holds. Nothing else is called after it, but release.
	release() error
}

// An encoder cuts samples into units, and those into seconds.
type encoder struct {
	codec  codec
	format Format
	memory []byte  // locked
	rest   []int16 // less than a unit, in memory
	first  int64   // the frame that the running second begins with
	frames int64   // of the running second that the codec has
	begun  bool
	closed bool
	err    error // why it is closed, if not at the end
}

func (e *encoder) Encode(samples []int16) ([]encoded.Segment, error) {
	if e.closed {
		return nil, cmp.Or(e.err, io.ErrClosedPipe)
	}
	var list []encoded.Segment
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

func (e *encoder) Close() ([]encoded.Segment, error) {
	if e.closed {
		return nil, e.err
	}
	defer e.Release()
	s := e.running()
	s.Samples += int64(len(e.rest) / e.format.Channels)
	var err error
	if s.Data, err = e.codec.end(s.Data, e.rest); err != nil {
		return nil, e.failed(err)
	}
	return []encoded.Segment{s}, nil
}

// Release drops the errors: what could not be given back has been wiped all the same.
func (e *encoder) Release() {
	if e.closed {
		return
	}
	e.closed, e.rest = true, nil
	_ = errors.Join(e.codec.release(), locked.Free(e.memory))
}

// running is the segment that is being filled, without its sound.
func (e *encoder) running() encoded.Segment {
	s := encoded.Segment{First: e.first, Samples: e.frames}
	if !e.begun {
		s.Data = e.codec.begin(nil)
	}
	return s
}

// failed closes the encoder for a reason.
func (e *encoder) failed(err error) error {
	e.err = fmt.Errorf("encode second %d of %s: %w", e.first/int64(e.format.Rate), e.format.ID, err)
	e.Release()
	return e.err
}

// wipe leaves no samples lying about.
func (e *encoder) wipe() {
	clear(e.rest)
	e.rest = e.rest[:0]
}
