package excerpt

import (
	"bytes"
	"errors"

	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
)

// A Joiner makes a file that plays of the seconds of a part: Ogg Opus, FLAC or WAV.
type Joiner interface {
	// Add takes segment n, counted from 1, and returns what can be written.
	Add(n int64, segment []byte) ([]byte, error)
	// Silence adds a second that is withheld.
	Silence() ([]byte, error)
	Finish() ([]byte, error)
	Samples() int64
	// Header is written over the start of the finished file; nil if nothing is.
	Header() []byte
}

// NewJoiner returns the joiner of a part that starts at second from, counted from 0. like is a
// segment of it, and n its number: silence has the size of its packets.
func NewJoiner(h *recording.Head, from, n int64, like []byte) (Joiner, error) {
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

func (j *opusJoiner) Add(n int64, segment []byte) ([]byte, error) {
	second, _, err := ogg.ParseSecond(j.h.ID, j.h.Audio.Rate, j.h.Audio.Channels, n, segment)
	if err != nil {
		return nil, err
	}
	return j.out.Add(second), nil
}

func (j *opusJoiner) Silence() ([]byte, error) { return j.out.Add(j.quiet), nil }
func (j *opusJoiner) Finish() ([]byte, error)  { return j.out.Finish(), nil }
func (j *opusJoiner) Samples() int64           { return j.out.Length() * int64(j.h.Audio.Rate) / ogg.Rate }
func (j *opusJoiner) Header() []byte           { return nil }

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

// Add renumbers the frames: they count from the start of the file.
func (j *flacJoiner) Add(n int64, segment []byte) ([]byte, error) {
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

func (j *flacJoiner) Silence() ([]byte, error) {
	j.begun = true
	return j.out.Skip()
}
func (j *flacJoiner) Finish() ([]byte, error) { return j.out.Finish() }
func (j *flacJoiner) Samples() int64          { return j.out.Samples() }
func (j *flacJoiner) Header() []byte          { return j.out.Header() }

type wavJoiner struct {
	h     *recording.Head
	out   *wav.Joiner
	begun bool
}

func (j *wavJoiner) Add(n int64, segment []byte) ([]byte, error) {
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

func (j *wavJoiner) Silence() ([]byte, error) {
	j.begun = true
	return j.out.Skip()
}
func (j *wavJoiner) Finish() ([]byte, error) { return j.out.Finish() }
func (j *wavJoiner) Samples() int64          { return j.out.Samples() }
func (j *wavJoiner) Header() []byte          { return j.out.Header() }
