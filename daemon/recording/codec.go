package recording

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
)

// A joiner puts a recording's segments together to a file.
type joiner interface {
	// Add takes the next segment and returns what can be written. A segment that doesn't belong
	// here is an error, and changes nothing.
	Add(segment []byte) ([]byte, error)
	// Skip puts a second of silence in the place of one that is lost.
	Skip() ([]byte, error)
	// Finish returns the rest.
	Finish() ([]byte, error)
	// Samples is how many frames there are.
	Samples() int64
}

// headed is a joiner of files whose header tells their length.
type headed interface {
	// Header is to be written over the file's beginning, after Finish.
	Header() []byte
}

func newJoiner(h *Head) (joiner, error) {
	switch h.Audio.Codec {
	case "opus":
		return ogg.NewJoiner(h.ID, h.Audio.Rate, h.Audio.Channels), nil
	case "flac":
		return flac.NewJoiner(h.ID, h.Audio.Rate, h.Audio.Channels)
	case "wav":
		return wav.NewJoiner(h.Audio.Rate, h.Audio.Channels), nil
	}
	return nil, fmt.Errorf("nobody knows the codec %q", h.Audio.Codec)
}

// overlay writes other bytes than it is given at the file's beginning.
type overlay struct {
	w    io.Writer
	head []byte // what is left of them
}

func (o *overlay) Write(p []byte) (int, error) {
	n := min(len(p), len(o.head))
	if n > 0 {
		if n, err := o.w.Write(o.head[:n]); err != nil {
			return n, err
		}
		o.head = o.head[n:]
	}
	m, err := o.w.Write(p[n:])
	return n + m, err
}

var errGuess = errors.New("recording.json can't be read, and the first second doesn't tell what it was")

// guessHead finds out what is needed where recording.json isn't proved: the comment in key.age and
// the beginning of the sound tell it, and what they tell agrees with the segments.
func (p *player) guessHead(origin string) (err error) {
	h := &p.head
	if h.Site, h.Room, h.ID, err = parseOrigin(origin); err != nil {
		return err
	}
	for i := range p.segments {
		if p.segments[i].n > 1 {
			break
		}
		if plain, err := p.open(&p.segments[i]); err == nil && h.Audio.guess(plain) {
			return nil
		}
	}
	if !p.rep.HeadRead {
		return errGuess
	}
	return nil
}

// guess reads the codec, rate and channels from a file's first bytes.
func (a *Audio) guess(b []byte) bool {
	const opusHead = 28 // behind a page's header with one packet
	le := binary.LittleEndian
	switch {
	case len(b) > opusHead+19 && bytes.HasPrefix(b, []byte("OggS")) && bytes.HasPrefix(b[opusHead:], []byte("OpusHead")):
		a.Codec, a.Channels, a.Rate = "opus", int(b[opusHead+9]), int(le.Uint32(b[opusHead+12:]))
	case len(b) > 44 && bytes.HasPrefix(b, []byte("RIFF")):
		a.Codec, a.Channels, a.Rate = "wav", int(le.Uint16(b[22:])), int(le.Uint32(b[24:]))
	case len(b) > 42 && bytes.HasPrefix(b, []byte("fLaC")):
		info := binary.BigEndian.Uint64(b[18:])
		a.Codec, a.Channels, a.Rate = "flac", int(info>>41&7)+1, int(info>>44)
	default:
		return false
	}
	return a.check() == nil
}
