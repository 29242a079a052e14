package visit

import (
	"errors"
	"fmt"

	"tacet/audio/container"
	"tacet/audio/ogg"
	"tacet/daemon/recording"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/filekey"
)

// sealSize is what the proof has for each second: a header, a nonce and a file key.
const sealSize = filekey.HeaderSize + filekey.NonceSize + filekey.Size

// A Copy is a part of a recording that is about to be copied.
type Copy struct {
	index *recording.Index
	part  excerpt.Part
	track container.Track // for Opus
	seals []byte
	sizes []byte // for FLAC: of each second's frames in the copy
	edges []byte // what is no packet in the first and the last segment that are given
	like  ogg.Second
}

// Prepare reads a part of a recording, whose index must be unlocked. It keeps no sound.
func Prepare(x *recording.Index, part excerpt.Part) (*Copy, error) {
	if err := part.Check(x.Proof.Segments); err != nil {
		return nil, fmt.Errorf("make a copy: %w", err)
	}
	c := &Copy{index: x, part: part}
	c.track = container.Track{Channels: c.head().Audio.Channels, Rate: c.head().Audio.Rate}
	first, last := c.given()
	for s := part.From; s < part.To; s++ {
		if part.Withholds(s) {
			continue
		}
		second, err := x.Open(s + 1)
		if err != nil {
			return nil, fmt.Errorf("make a copy: %w", err)
		}
		c.seals = append(append(append(c.seals, second.Header...), second.Nonce...), second.Key...)
		edge, err := c.take(s+1, second.Plain)
		if err != nil {
			return nil, fmt.Errorf("make a copy: %s: %w", recording.SegmentName(s+1, "age"), err)
		}
		if s == first || s == last {
			c.edges = append(c.edges, edge...)
		}
	}
	if c.head().Audio.Codec == "opus" {
		c.track.Packets += part.Held() * packetsPerSecond
		c.track.Length += part.Held() * ogg.Rate
	}
	return c, nil
}

// packetsPerSecond is how many packets of 20 ms a second has.
const packetsPerSecond = 50

func (c *Copy) head() *recording.Head { return &c.index.Proof.Head }

// given returns the first and the last second that are not withheld.
func (c *Copy) given() (first, last int64) { return givenIn(&c.part) }

func givenIn(p *excerpt.Part) (first, last int64) {
	first, last = p.From, p.To-1
	for p.Withholds(first) {
		first++
	}
	for p.Withholds(last) {
		last--
	}
	return first, last
}

var errSizes = errors.New("its packets don't all have the size and length that a recorder's have")

// take looks at segment n, and returns what in it is no packet.
func (c *Copy) take(n int64, plain []byte) (edge []byte, err error) {
	switch a := &c.head().Audio; a.Codec {
	case "opus":
		second, edge, err := ogg.ParseSecond(c.head().ID, a.Rate, a.Channels, n, plain)
		if err != nil {
			return nil, err
		}
		if c.track.PacketSize == 0 && len(second.Packets) > 0 {
			c.track.PacketSize, c.like = len(second.Packets[0]), ogg.Silence(second)
		}
		for _, p := range second.Packets {
			length, err := ogg.Duration(p)
			if err != nil || length != ogg.Rate/packetsPerSecond || len(p) != c.track.PacketSize {
				return nil, errSizes
			}
		}
		c.track.Packets += int64(len(second.Packets))
		c.track.Length += second.Length
		return edge, nil
	case "wav":
		if n == 1 {
			edge = plain[:min(len(plain), wavHeader)]
		}
	default:
		head, err := flacHeader(c.head())
		if err != nil {
			return nil, err
		}
		if n == 1 {
			edge = plain[:min(len(plain), len(head))]
		}
		moved, err := renumber(c.head(), plain[len(edge):], n, c.part.From, true)
		if err != nil {
			return nil, err
		}
		size := len(moved)
		c.sizes = append(c.sizes, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	}
	return edge, nil
}
