package flac

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"

	"github.com/mewkiz/flac/frame"
)

// A Joiner joins the segments of one recording into a FLAC file.
type Joiner struct {
	format
	number  int64 // of the next frame
	totals  totals
	sum     hash.Hash // of all samples
	started bool      // the header is written
	ended   bool      // the last segment is written
}

// NewJoiner starts the file of a recording.
func NewJoiner(id string, rate, channels int) (*Joiner, error) {
	f, err := newFormat(id, rate, channels)
	return &Joiner{format: f, sum: md5.New()}, err
}

// Add takes the next segment and returns what to write to the file. A segment that is damaged, out
// of place or of another recording is an error and changes nothing: call Skip instead.
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

// Skip replaces a lost segment by a second of silence.
func (j *Joiner) Skip() ([]byte, error) {
	if j.ended {
		return nil, errors.New("no segment can be lost after the last one")
	}
	var out []byte
	if !j.started {
		out = j.header(totals{})
	}
	for n := range j.rate / j.block {
		out = j.silence(out, j.number+int64(n), j.block)
	}
	return j.Add(out)
}

// Finish returns the rest of the file, which is empty.
func (j *Joiner) Finish() ([]byte, error) {
	if !j.started {
		return nil, errors.New("the recording is empty")
	}
	return nil, nil
}

// Header is to be written over the start of the finished file. It has the length and the MD5 of all
// samples, which decoders check.
func (j *Joiner) Header() []byte {
	t := j.totals
	copy(t.md5[:], j.sum.Sum(nil))
	return j.header(t)
}

// Samples is the number of samples per channel so far.
func (j *Joiner) Samples() int64 { return j.totals.samples }

// check decodes and checks the frames of a segment.
func (j *Joiner) check(segment []byte) (frames []*frame.Frame, err error) {
	if j.ended {
		return nil, errors.New("a segment follows the last one")
	}
	if !j.started {
		var ok bool
		if segment, ok = bytes.CutPrefix(segment, j.header(totals{})); !ok {
			return nil, errors.New("the FLAC header is not this recording's")
		}
		j.started = true
	}
	samples := 0
	for len(segment) > 0 {
		f, size, err := j.frame(segment)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", j.number, err)
		}
		n := int(f.BlockSize)
		if j.ended || samples+n > j.rate {
			return nil, fmt.Errorf("frame %d is beyond the second", j.number)
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

// frame decodes the next frame and returns its size in bytes. It recovers from a panic of the
// library.
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
		return nil, 0, errors.New("it is out of place")
	}
	if err := f.Parse(); err != nil {
		return nil, 0, fmt.Errorf("it is damaged: %w", err)
	}
	return f, len(data) - r.Len(), nil
}
