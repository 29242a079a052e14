package flac

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"

	"github.com/mewkiz/flac/frame"
)

// A Joiner puts the segments of one recording together into a FLAC file.
type Joiner struct {
	format
	number       int64 // of the next frame
	totals       totals
	sum          hash.Hash // of all samples
	begun, ended bool
}

// NewJoiner begins the file of a recording.
func NewJoiner(id string, rate, channels int) (*Joiner, error) {
	f, err := newFormat(id, rate, channels)
	return &Joiner{format: f, sum: md5.New()}, err
}

// Add takes the next segment and returns what is to be written to the file. A segment that is
// damaged, of another recording or out of its place is an error, and changes nothing: Skip may be
// called instead.
func (j *Joiner) Add(segment []byte) ([]byte, error) {
	next := *j
	frames, err := next.check(segment)
	if err != nil {
		return nil, fmt.Errorf("second %d: %w", j.totals.samples/int64(j.rate), err)
	}
	*j = next
	for _, f := range frames {
		f.Hash(j.sum)
	}
	return segment, nil
}

// Skip puts a second of silence in the place of a segment that is lost.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("nothing can be lost behind the last segment")
	}
	var out []byte
	if !j.begun {
		out = j.header(totals{})
	}
	for n := range j.rate / j.block {
		out = j.silence(out, j.number+int64(n), j.block)
	}
	return j.Add(out)
}

// Finish returns the rest of the file: nothing.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.begun {
		return nil, errors.New("there is nothing in it")
	}
	return nil, nil
}

// Header is what has to be written over the beginning of the file, once it is finished: it holds
// the true length, and the MD5 of all samples, by which decoders check themselves.
func (j *Joiner) Header() []byte {
	t := j.totals
	copy(t.md5[:], j.sum.Sum(nil))
	return j.header(t)
}

// Samples is how many frames of samples have been put together.
func (j *Joiner) Samples() int64 { return j.totals.samples }

// check goes through a segment's frames.
func (j *Joiner) check(segment []byte) (frames []*frame.Frame, err error) {
	if j.ended {
		return nil, errors.New("there is a segment behind the last one")
	}
	if !j.begun {
		var ok bool
		if segment, ok = bytes.CutPrefix(segment, j.header(totals{})); !ok {
			return nil, errors.New("the FLAC header is none of this recording's")
		}
		j.begun = true
	}
	samples := 0
	for len(segment) > 0 {
		f, size, err := j.frame(segment)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", j.number, err)
		}
		n := int(f.BlockSize)
		if j.ended || samples+n > j.rate {
			return nil, fmt.Errorf("frame %d is one too many", j.number)
		}
		frames = append(frames, f)
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
	return frames, nil
}

// frame decodes the next frame and says how many bytes it takes. No input makes it panic, even if
// one should exist that makes the library do so.
func (j *Joiner) frame(data []byte) (f *frame.Frame, size int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it can't be decoded: %v", p)
		}
	}()
	r := bytes.NewReader(data)
	if f, err = frame.New(r); err != nil {
		return nil, 0, fmt.Errorf("its header is damaged: %w", err)
	}
	if f.Num != uint64(j.number) || !f.HasFixedBlockSize || f.Channels.Count() != j.channels || f.BitsPerSample != depth ||
		f.SampleRate != uint32(j.rate) && f.SampleRate != 0 || f.BlockSize == 0 || int(f.BlockSize) > j.block {
		return nil, 0, errors.New("it is out of its place")
	}
	if err := f.Parse(); err != nil {
		return nil, 0, fmt.Errorf("it is damaged: %w", err)
	}
	return f, len(data) - r.Len(), nil
}
