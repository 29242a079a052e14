package visit

import (
	"bytes"
	"fmt"
	"io"

	"tacet/audio/container"
	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/excerpt"
)

// wavHeader is the size of a WAV file's header.
const wavHeader = wav.HeaderLen

// A File is a file of a copy.
type File struct {
	Name  string
	Write func(w io.Writer) error
}

// Names of the files that play.
const (
	M4A  = "visit.m4a"
	CAF  = "visit.caf"
	FLAC = "visit.flac"
	WAV  = "visit.wav"
)

// ProofName is the name of the proof.
const ProofName = "proof"

// Sounds are the names of the files whose sound the proof proves.
func Sounds(codec string) []string {
	switch codec {
	case "opus":
		return []string{M4A, CAF}
	case "flac":
		return []string{FLAC}
	}
	return []string{WAV}
}

// Files returns the files that play, and the proof.
func (c *Copy) Files() []File {
	var list []File
	for _, name := range Sounds(c.head().Audio.Codec) {
		write := c.joined
		if header, ok := headers[name]; ok {
			write = func(w io.Writer) error { return c.packets(w, header) }
		}
		list = append(list, File{name, write})
	}
	return append(list, File{ProofName, c.writeProof})
}

// headers make the headers of the files that hold packets.
var headers = map[string]func(container.Track) ([]byte, error){M4A: container.MP4, CAF: container.CAF}

// packets writes a file of packets.
func (c *Copy) packets(w io.Writer, header func(container.Track) ([]byte, error)) error {
	head, err := header(c.track)
	if err != nil {
		return fmt.Errorf("make a copy: %w", err)
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	return c.Packets(func(packets [][]byte) error {
		_, err := w.Write(bytes.Join(packets, nil))
		return err
	})
}

// Packets calls each with the packets of one second after the other, silence included.
func (c *Copy) Packets(each func(packets [][]byte) error) error {
	h := c.head()
	for s := c.part.From; s < c.part.To; s++ {
		second := c.like
		if !c.part.Withholds(s) {
			opened, err := c.index.Open(s + 1)
			if err != nil {
				return fmt.Errorf("make a copy: %w", err)
			}
			if second, _, err = ogg.ParseSecond(h.ID, h.Audio.Rate, h.Audio.Channels, s+1, opened.Plain); err != nil {
				return fmt.Errorf("make a copy: %w", err)
			}
		}
		if err := each(second.Packets); err != nil {
			return err
		}
	}
	return nil
}

// Track describes the packets of a copy in Opus.
func (c *Copy) Track() container.Track { return c.track }

// joined writes the file that opening such a part gives: FLAC or WAV.
func (c *Copy) joined(w io.Writer) error {
	join, err := c.join(io.Discard) // the header holds the length: count in a first pass
	if err != nil {
		return err
	}
	head := &skipped{w: w, skip: int64(len(join.Header()))}
	if _, err := w.Write(join.Header()); err != nil {
		return err
	}
	_, err = c.join(head)
	return err
}

func (c *Copy) join(w io.Writer) (excerpt.Joiner, error) {
	first, _ := c.given()
	like, err := c.index.Open(first + 1)
	if err != nil {
		return nil, fmt.Errorf("make a copy: %w", err)
	}
	join, err := excerpt.NewJoiner(c.head(), c.part.From, first+1, like.Plain)
	if err != nil {
		return nil, fmt.Errorf("make a copy: %w", err)
	}
	for s := c.part.From; s < c.part.To; s++ {
		var out []byte
		if c.part.Withholds(s) {
			out, err = join.Silence()
		} else {
			var second *recording.Second
			if second, err = c.index.Open(s + 1); err == nil {
				out, err = join.Add(s+1, second.Plain)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("make a copy: %s: %w", recording.SegmentName(s+1, "age"), err)
		}
		if _, err := w.Write(out); err != nil {
			return nil, err
		}
	}
	out, err := join.Finish()
	if err != nil {
		return nil, fmt.Errorf("make a copy: %w", err)
	}
	_, err = w.Write(out)
	return join, err
}

// skipped drops the first bytes that are written to it.
type skipped struct {
	w    io.Writer
	skip int64
}

func (s *skipped) Write(b []byte) (int, error) {
	n := int(min(int64(len(b)), s.skip))
	s.skip -= int64(n)
	m, err := s.w.Write(b[n:])
	return n + m, err
}

func flacHeader(h *recording.Head) ([]byte, error) {
	return flac.Header(h.ID, h.Audio.Rate, h.Audio.Channels)
}

// renumber numbers the FLAC frames of segment n as they are in a copy that starts at second from,
// or back.
func renumber(h *recording.Head, frames []byte, n, from int64, forth bool) ([]byte, error) {
	perSecond, err := flac.FramesPerSecond(h.Audio.Rate)
	if err != nil {
		return nil, err
	}
	here, there := (n-1)*perSecond, (n-1-from)*perSecond
	if !forth {
		here, there = there, here
	}
	return flac.Renumber(h.ID, h.Audio.Rate, h.Audio.Channels, frames, here, there)
}
