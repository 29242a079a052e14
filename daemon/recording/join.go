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

// A joiner joins a recording's segments into one file.
type joiner interface {
	// Add takes the next segment and returns what can be written. An error means that the segment
	// doesn't belong here; the joiner is unchanged.
	Add(segment []byte) ([]byte, error)
	// Skip adds a second of silence in place of a lost segment.
	Skip() ([]byte, error)
	// Finish returns the rest.
	Finish() ([]byte, error)
	// Samples returns the number of frames so far.
	Samples() int64
}

// headed is a joiner of files whose header holds their length.
type headed interface {
	// Header returns the header to write over the start of the file, once Finish was called.
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
	return nil, fmt.Errorf("unknown codec %q", h.Audio.Codec)
}

// overlay replaces the first bytes written to it.
type overlay struct {
	w    io.Writer
	head []byte // replacement bytes still to be written
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

var errGuess = errors.New("recording.json can't be read, and the first second doesn't tell the format")

// guessHead fills in the head where recording.json isn't proved: from the comment in key.age and
// the start of the sound. Both must fit the segments later.
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

// guess reads codec, rate and channels from a file's first bytes.
func (a *Audio) guess(b []byte) bool {
	const opusHead = 28 // size of the header of a page with one packet
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
