// Package wav writes the header of a WAV file, whose length is not known while it is being recorded
// and put right at a desk.
//
// A recording begins with a header that gives the greatest length there is: the usual way of saying
// that the sound goes on to the end of the file. A [Joiner] puts the segments together and tells
// the true header at the end.
package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// HeaderLen is the length of a header.
const HeaderLen = 44

// Unknown is the length of sound that nobody knows yet.
const Unknown = -1

// MaxLength is the most sound whose length a header can tell, in bytes: somewhat less than 4 GiB.
const MaxLength = math.MaxUint32 - HeaderLen - 1

// Header is the header of a file with 16-bit samples, interleaved, and so many bytes of them.
func Header(rate, channels int, length int64) []byte {
	size, data := uint32(math.MaxUint32), uint32(math.MaxUint32)
	if length >= 0 && length <= MaxLength {
		size, data = uint32(length+HeaderLen-8), uint32(length)
	}
	frame := channels * 2
	h := append(make([]byte, 0, HeaderLen), "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, size)
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16) // bytes of what follows
	h = binary.LittleEndian.AppendUint16(h, 1)  // plain samples
	h = binary.LittleEndian.AppendUint16(h, uint16(channels))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate*frame))
	h = binary.LittleEndian.AppendUint16(h, uint16(frame))
	h = binary.LittleEndian.AppendUint16(h, 16) // bits
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, data)
}

// A Joiner puts the segments of one recording together into a WAV file.
type Joiner struct {
	rate, channels int
	length         int64 // bytes of sound so far
	begun, ended   bool
}

// NewJoiner begins the file of a recording.
func NewJoiner(rate, channels int) *Joiner { return &Joiner{rate: rate, channels: channels} }

func (j *Joiner) second() int { return j.rate * j.channels * 2 }

// Add takes the next segment and returns what is to be written to the file. A segment that can't be
// of this recording is an error, and changes nothing: Skip may be called instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	sound := segment
	if !j.begun {
		var ok bool
		if sound, ok = bytes.CutPrefix(segment, Header(j.rate, j.channels, Unknown)); !ok {
			return nil, errors.New("the WAV header is none of this recording's")
		}
	}
	if j.ended {
		return nil, errors.New("there is a segment behind the last one")
	}
	if n := len(sound); n > j.second() || n%(j.channels*2) != 0 {
		return nil, fmt.Errorf("second %d has %d bytes of sound", j.length/int64(j.second()), n)
	}
	j.begun, j.ended = true, len(sound) < j.second()
	j.length += int64(len(sound))
	return segment, nil
}

// Skip puts a second of silence in the place of a segment that is lost.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("nothing can be lost behind the last segment")
	}
	var out []byte
	if !j.begun {
		out = Header(j.rate, j.channels, Unknown)
	}
	j.begun = true
	j.length += int64(j.second())
	return append(out, make([]byte, j.second())...), nil
}

// Finish returns the rest of the file: nothing.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.begun {
		return nil, errors.New("there is nothing in it")
	}
	return nil, nil
}

// Header is what has to be written over the beginning of the file, once it is finished.
func (j *Joiner) Header() []byte { return Header(j.rate, j.channels, j.length) }

// Samples is how many frames have been put together.
func (j *Joiner) Samples() int64 { return j.length / int64(j.channels*2) }
