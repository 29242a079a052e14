// Package container writes Opus packets into MP4 and CAF files, for players that know no Ogg. It
// writes each file in one way only, and without any metadata: a header that is computed, and then
// the packets. So whoever has the packets can make the file anew, and compare.
//
//	t := container.Track{Channels: 1, Rate: 48000, PacketSize: 120, Packets: 180_000, Length: 172_800_000}
//	head, err := container.MP4(t) // or CAF
//
// Specifications: ISO/IEC 14496-12; "Encapsulation of Opus in ISO Base Media File Format"; Apple's
// "Core Audio Format Specification".
package container

import (
	"fmt"

	"tacet/audio/ogg"
)

// packetLength is the length of each packet in samples at 48 kHz: 20 ms.
const packetLength = 960

// preRoll is how many packets a decoder needs before it is right: 80 ms.
const preRoll = 4

// A Track is a stream of packets of one size.
type Track struct {
	Channels   int
	Rate       int   // of the capture
	PacketSize int   // bytes
	Packets    int64 // of 20 ms
	Length     int64 // samples at 48 kHz, with the pre-skip: the granule position at the end
}

// maxBytes limits the packets of a track: the offsets in both files have 32 bits.
const maxBytes = 1<<32 - 1<<24

// Bytes is the number of bytes of all packets.
func (t Track) Bytes() int64 { return t.Packets * int64(t.PacketSize) }

// Heard is the number of samples at 48 kHz that a player plays.
func (t Track) Heard() int64 { return max(0, t.Length-ogg.PreSkip) }

// trim is the number of samples at the end that are not part of the sound.
func (t Track) trim() int64 { return t.Packets*packetLength - t.Length }

func (t Track) check() error {
	switch {
	case t.Channels < 1 || t.Channels > 2:
		return fmt.Errorf("%d channels, not 1 or 2", t.Channels)
	case t.PacketSize < 1 || t.PacketSize > 1275:
		return fmt.Errorf("packets of %d bytes", t.PacketSize)
	case t.Packets < 1 || t.Packets > maxBytes || t.Bytes() > maxBytes:
		return fmt.Errorf("%d packets of %d bytes", t.Packets, t.PacketSize)
	case t.Length < ogg.PreSkip || t.trim() < 0 || t.trim() >= t.Packets*packetLength:
		return fmt.Errorf("%d packets that are %d samples long", t.Packets, t.Length)
	}
	return nil
}

// opusHead is the identification header of the stream.
func (t Track) opusHead() []byte {
	le := func(v uint32, n int) (b []byte) {
		for range n {
			b, v = append(b, byte(v)), v>>8
		}
		return b
	}
	h := append([]byte("OpusHead"), 1, byte(t.Channels))
	h = append(h, le(ogg.PreSkip, 2)...)
	h = append(h, le(uint32(t.Rate), 4)...)
	return append(h, 0, 0, 0)
}
