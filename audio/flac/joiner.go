package flac

import (
	"bytes"
	"errors"
	"fmt"
)

// A Joiner puts the segments of one recording together into a FLAC file.
type Joiner struct {
	format
	number       int64 // of the next frame
	totals       totals
	begun, ended bool
}

// NewJoiner begins the file of a recording.
func NewJoiner(id string, rate, channels int) (*Joiner, error) {
	f, err := newFormat(id, rate, channels)
	return &Joiner{format: f}, err
}

// Add takes the next segment and returns what is to be written to the file. A segment that is damaged, of another recording
// or out of its place is an error, and changes nothing: Skip may be called instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	next := *j
	if err := next.check(segment); err != nil {
		return nil, fmt.Errorf("second %d: %w", j.totals.samples/int64(j.rate), err)
	}
	*j = next
	return segment, nil
}

// Skip puts a second of silence in the place of a segment that is lost.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("nothing can be lost behind the last segment")
	}
	e, err := NewEncoder(j.id, j.rate, j.channels)
	if err != nil {
		return nil, err
	}
	var out []byte
	if !j.begun {
		out = e.Header()
	}
	e.number = j.number
	return j.Add(e.Frames(out, make([]int16, j.rate*j.channels)))
}

// Finish returns the rest of the file: nothing.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.begun {
		return nil, errors.New("there is nothing in it")
	}
	return nil, nil
}

// Header is what has to be written over the beginning of the file, once it is finished: it holds the true length.
func (j *Joiner) Header() []byte { return j.header(j.totals) }

// Samples is how many frames of samples have been put together.
func (j *Joiner) Samples() int64 { return j.totals.samples }

// check goes through a segment's frames.
func (j *Joiner) check(segment []byte) error {
	if j.ended {
		return errors.New("there is a segment behind the last one")
	}
	if !j.begun {
		var ok bool
		if segment, ok = bytes.CutPrefix(segment, j.header(totals{})); !ok {
			return errors.New("the FLAC header is none of this recording's")
		}
		j.begun = true
	}
	samples := 0
	for len(segment) > 0 {
		n, size, err := j.frame(segment)
		if err != nil {
			return err
		}
		if j.ended || samples+n > j.rate {
			return fmt.Errorf("frame %d is one too many", j.number)
		}
		j.ended = n < j.block
		j.number++
		samples += n
		if size < j.totals.frameMin || j.totals.frameMin == 0 {
			j.totals.frameMin = size
		}
		j.totals.frameMax = max(j.totals.frameMax, size)
		segment = segment[size:]
	}
	j.totals.samples += int64(samples)
	j.ended = samples < j.rate
	return nil
}

// frame finds where the next frame ends: where its checksum is right, and the following one begins.
func (j *Joiner) frame(data []byte) (samples, size int, err error) {
	samples, ok := j.parseFrame(data, j.number)
	if !ok {
		return 0, 0, fmt.Errorf("frame %d is damaged or out of its place", j.number)
	}
	var crc uint16
	for i := range data {
		crc = crc16(crc, data[i:i+1])
		if crc != 0 || i < 8 {
			continue
		}
		if i+1 == len(data) {
			return samples, len(data), nil
		}
		if _, ok := j.parseFrame(data[i+1:], j.number+1); ok {
			return samples, i + 1, nil
		}
	}
	return 0, 0, fmt.Errorf("frame %d has a wrong checksum", j.number)
}
