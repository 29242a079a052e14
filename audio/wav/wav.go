// Package wav writes WAV files whose length is not known while they are recorded.
//
// A recording starts with a header that has the greatest length there is, which usually means that
// the sound goes on to the end of the file. At a desk, a [Joiner] joins the segments and makes the
// final header.
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

// Unknown is the length of sound that is not known yet.
const Unknown = -1

// MaxLength is the greatest length of sound that a header can hold, in bytes: a little less than 4
// GiB.
const MaxLength = math.MaxUint32 - HeaderLen - 1

// Header is the header of a file with 16-bit interleaved samples. length is in bytes, or Unknown.
func Header(rate, channels int, length int64) []byte {
	size, data := uint32(math.MaxUint32), uint32(math.MaxUint32)
	if length >= 0 && length <= MaxLength {
		size, data = uint32(length+HeaderLen-8), uint32(length)
	}
	frame := channels * 2
	h := append(make([]byte, 0, HeaderLen), "RIFF"...)
	h = binary.LittleEndian.AppendUint32(h, size)
	h = append(h, "WAVEfmt "...)
	h = binary.LittleEndian.AppendUint32(h, 16) // bytes that follow
	h = binary.LittleEndian.AppendUint16(h, 1)  // PCM
	h = binary.LittleEndian.AppendUint16(h, uint16(channels))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate))
	h = binary.LittleEndian.AppendUint32(h, uint32(rate*frame))
	h = binary.LittleEndian.AppendUint16(h, uint16(frame))
	h = binary.LittleEndian.AppendUint16(h, 16) // bits
	h = append(h, "data"...)
	return binary.LittleEndian.AppendUint32(h, data)
}

// A Joiner joins the segments of one recording into a WAV file.
type Joiner struct {
	rate, channels int
	length         int64 // bytes of sound so far
	started, ended bool
}

// NewJoiner starts the file of a recording.
func NewJoiner(rate, channels int) *Joiner { return &Joiner{rate: rate, channels: channels} }

func (j *Joiner) second() int { return j.rate * j.channels * 2 }

// Add takes the next segment and returns what to write to the file. A segment that can't be of this
// recording is an error and changes nothing: call Skip instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	sound := segment
	if !j.started {
		var ok bool
		if sound, ok = bytes.CutPrefix(segment, Header(j.rate, j.channels, Unknown)); !ok {
			return nil, errors.New("the WAV header is not this recording's")
		}
	}
	if j.ended {
		return nil, errors.New("a segment follows the last one")
	}
	if n := len(sound); n > j.second() || n%(j.channels*2) != 0 {
		return nil, fmt.Errorf("second %d has %d bytes of sound", j.length/int64(j.second()), n)
	}
	j.started, j.ended = true, len(sound) < j.second()
	j.length += int64(len(sound))
	return segment, nil
}

// Skip replaces a lost segment by a second of silence.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("no segment can be lost after the last one")
	}
	var out []byte
	if !j.started {
		out = Header(j.rate, j.channels, Unknown)
	}
	j.started = true
	j.length += int64(j.second())
	return append(out, make([]byte, j.second())...), nil
}

// Finish returns the rest of the file, which is empty.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.started {
		return nil, errors.New("the recording is empty")
	}
	return nil, nil
}

// Header is to be written over the start of the finished file.
func (j *Joiner) Header() []byte { return Header(j.rate, j.channels, j.length) }

// Samples is the number of samples per channel so far.
func (j *Joiner) Samples() int64 { return j.length / int64(j.channels*2) }
