package clip

import (
	"bytes"
	"errors"
	"fmt"

	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
)

// A joiner makes a file that plays of the seconds of a clip.
type joiner interface {
	// add takes segment n, counted from 1, and returns what can be written.
	add(n int64, segment []byte) ([]byte, error)
	// silence adds a second that is withheld.
	silence() ([]byte, error)
	finish() ([]byte, error)
	samples() int64
	// header is written over the start of the finished file; nil if nothing is.
	header() []byte
}

// newJoiner returns the joiner of a part. like is a segment of it, and its number, whose packets
// silence has the size of.
func newJoiner(h *recording.Head, from, n int64, like []byte) (joiner, error) {
	switch a := &h.Audio; a.Codec {
	case "opus":
		second, _, err := ogg.ParseSecond(h.ID, a.Rate, a.Channels, n, like)
		if err != nil {
			return nil, err
		}
		return &opusJoiner{h: h, out: ogg.NewExcerpt(h.ID, a.Rate, a.Channels), quiet: ogg.Silence(second)}, nil
	case "flac":
		return newFLACJoiner(h, from)
	default:
		return &wavJoiner{h: h, out: wav.NewJoiner(a.Rate, a.Channels)}, nil
	}
}

type opusJoiner struct {
	h     *recording.Head
	out   *ogg.Excerpt
	quiet ogg.Second
}

func (j *opusJoiner) add(n int64, segment []byte) ([]byte, error) {
	second, _, err := ogg.ParseSecond(j.h.ID, j.h.Audio.Rate, j.h.Audio.Channels, n, segment)
	if err != nil {
		return nil, err
	}
	return j.out.Add(second), nil
}

func (j *opusJoiner) silence() ([]byte, error) { return j.out.Add(j.quiet), nil }
func (j *opusJoiner) finish() ([]byte, error)  { return j.out.Finish(), nil }
func (j *opusJoiner) samples() int64           { return j.out.Length() * int64(j.h.Audio.Rate) / ogg.Rate }
func (j *opusJoiner) header() []byte           { return nil }

type flacJoiner struct {
	h      *recording.Head
	out    *flac.Joiner
	head   []byte // the stream's
	frames int64  // in a second
	from   int64
	begun  bool
}

func newFLACJoiner(h *recording.Head, from int64) (*flacJoiner, error) {
	a := &h.Audio
	j := &flacJoiner{h: h, from: from}
	var err error
	if j.out, err = flac.NewJoiner(h.ID, a.Rate, a.Channels); err != nil {
		return nil, err
	}
	if j.head, err = flac.Header(h.ID, a.Rate, a.Channels); err != nil {
		return nil, err
	}
	j.frames, err = flac.FramesPerSecond(a.Rate)
	return j, err
}

// add renumbers the frames: they count from the start of the file.
func (j *flacJoiner) add(n int64, segment []byte) ([]byte, error) {
	if n == 1 {
		var ok bool
		if segment, ok = bytes.CutPrefix(segment, j.head); !ok {
			return nil, errors.New("the FLAC header is not this recording's")
		}
	}
	a := &j.h.Audio
	frames, err := flac.Renumber(j.h.ID, a.Rate, a.Channels, segment, (n-1)*j.frames, (n-1-j.from)*j.frames)
	if err != nil {
		return nil, err
	}
	if !j.begun {
		frames = append(bytes.Clone(j.head), frames...)
	}
	out, err := j.out.Add(frames)
	j.begun = j.begun || err == nil
	return out, err
}

func (j *flacJoiner) silence() ([]byte, error) {
	j.begun = true
	return j.out.Skip()
}
func (j *flacJoiner) finish() ([]byte, error) { return j.out.Finish() }
func (j *flacJoiner) samples() int64          { return j.out.Samples() }
func (j *flacJoiner) header() []byte          { return j.out.Header() }

type wavJoiner struct {
	h     *recording.Head
	out   *wav.Joiner
	begun bool
}

func (j *wavJoiner) add(n int64, segment []byte) ([]byte, error) {
	a := &j.h.Audio
	head := wav.Header(a.Rate, a.Channels, wav.Unknown)
	if n == 1 {
		var ok bool
		if segment, ok = bytes.CutPrefix(segment, head); !ok {
			return nil, errors.New("the WAV header is not this recording's")
		}
	}
	if !j.begun {
		segment = append(head, segment...)
	}
	out, err := j.out.Add(segment)
	j.begun = j.begun || err == nil
	return out, err
}

func (j *wavJoiner) silence() ([]byte, error) {
	j.begun = true
	return j.out.Skip()
}
func (j *wavJoiner) finish() ([]byte, error) { return j.out.Finish() }
func (j *wavJoiner) samples() int64          { return j.out.Samples() }
func (j *wavJoiner) header() []byte          { return j.out.Header() }

// doesNotBelong is the error for a second that is proved and opens, but is not what it should be:
// the recorder itself was wrong, or it is not one.
func doesNotBelong(n int64, err error) error {
	return fault(fmt.Errorf("%s: it doesn't open or doesn't fit: %w", recording.SegmentName(n, "age"), err))
}
