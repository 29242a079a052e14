package audio

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"tacet/audio/encoded"
	"tacet/audio/locked"
)

// A Format is the audio format of a recording.
type Format struct {
	Codec    string // opus, flac or wav
	Rate     int    // frames per second
	Channels int    // 1 or 2
	Bitrate  int    // bits per second, for opus
	ID       string // of the recording
}

// An Encoder turns samples into segments. It is for one goroutine. It holds sound in locked memory,
// which it wipes and frees at Close, at Release and after an error. The caller wipes the segments.
type Encoder interface {
	// Encode encodes interleaved samples and returns the segments that they complete, also with an
	// error. It does not retain samples. After an error the encoder is closed.
	Encode(samples []int16) ([]encoded.Segment, error)
	// Close returns the last segment, which may hold no frame but only the end mark. A second Close
	// returns nothing.
	Close() ([]encoded.Segment, error)
	// Release discards the rest, for a recording that is abandoned. It may be called at any time,
	// and more than once.
	Release()
}

// NewEncoder starts the audio file of a recording.
func NewEncoder(f Format) (Encoder, error) {
	if f.Channels < 1 || f.Channels > 2 {
		return nil, fmt.Errorf("encode %s: %d channels: write 1 or 2", f.Codec, f.Channels)
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
		err = fmt.Errorf("unknown codec")
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

// A codec writes one file format, one second at a time.
type codec interface {
	// unit is the number of frames that add takes. It divides a second.
	unit() int
	// header appends the file's header.
	header(dst []byte) []byte
	// add encodes a unit of the current second.
	add(samples []int16) error
	// flush appends the current second, which is full, and starts the next one.
	flush(dst []byte) []byte
	// end appends the current second with the last samples, less than a unit, and the end mark.
	end(dst []byte, samples []int16) ([]byte, error)
	// release wipes and frees the memory. Only release may be called after it.
	release() error
}

// An encoder cuts samples into units, and units into seconds.
type encoder struct {
	codec  codec
	format Format
	memory []byte  // locked
	rest   []int16 // less than a unit, in memory
	first  int64   // the first frame of the current second
	frames int64   // of the current second that the codec has
	headed bool    // the header is out
	closed bool
	err    error // why it was closed, if by an error
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
			s := e.current()
			s.Data = e.codec.flush(s.Data)
			list = append(list, s)
			e.first, e.frames, e.headed = e.first+e.frames, 0, true
		}
	}
	return list, nil
}

func (e *encoder) Close() ([]encoded.Segment, error) {
	if e.closed {
		return nil, e.err
	}
	defer e.Release()
	s := e.current()
	s.Samples += int64(len(e.rest) / e.format.Channels)
	var err error
	if s.Data, err = e.codec.end(s.Data, e.rest); err != nil {
		return nil, e.failed(err)
	}
	return []encoded.Segment{s}, nil
}

// Release ignores errors: memory that can't be freed has been wiped all the same.
func (e *encoder) Release() {
	if e.closed {
		return
	}
	e.closed, e.rest = true, nil
	_ = errors.Join(e.codec.release(), locked.Free(e.memory))
}

// current is the segment of the current second, without its sound.
func (e *encoder) current() encoded.Segment {
	s := encoded.Segment{First: e.first, Samples: e.frames}
	if !e.headed {
		s.Data = e.codec.header(nil)
	}
	return s
}

// failed closes the encoder and returns the error to report.
func (e *encoder) failed(err error) error {
	e.err = fmt.Errorf("encode second %d of %s: %w", e.first/int64(e.format.Rate), e.format.ID, err)
	e.Release()
	return e.err
}

// wipe clears the samples of the last unit.
func (e *encoder) wipe() {
	clear(e.rest)
	e.rest = e.rest[:0]
}
