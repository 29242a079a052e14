package ogg

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// Rate is what granule positions count in, whatever rate the sound was captured at.
	Rate = 48000
	// PreSkip is how many samples at 48 kHz libopus is late by: a player drops them at the start.
	PreSkip = 312
	// Tag is the comment that holds the recording's ID.
	Tag = "TACET_ID="

	vendor = "tacet"
)

// Serial is the serial number of a recording's stream.
func Serial(id string) uint32 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint32(sum[:])
}

// A Head says what the stream holds.
type Head struct {
	Channels int
	PreSkip  int // samples at 48 kHz
	Rate     int // of what was captured
}

func (h Head) packet() []byte {
	p := append([]byte("OpusHead"), 1, byte(h.Channels))
	p = binary.LittleEndian.AppendUint16(p, uint16(h.PreSkip))
	p = binary.LittleEndian.AppendUint32(p, uint32(h.Rate))
	return append(p, 0, 0, 0) // no gain; mono or stereo
}

func parseHead(p []byte) (Head, error) {
	if len(p) != 19 || string(p[:8]) != "OpusHead" || p[8] != 1 || p[16]|p[17]|p[18] != 0 {
		return Head{}, errors.New("the Opus header is none of ours")
	}
	return Head{Channels: int(p[9]), PreSkip: int(binary.LittleEndian.Uint16(p[10:])),
		Rate: int(binary.LittleEndian.Uint32(p[12:]))}, nil
}

func tags(id string) []byte {
	comment := Tag + id
	p := append([]byte("OpusTags"), byte(len(vendor)), 0, 0, 0)
	p = append(p, vendor...)
	p = append(p, 1, 0, 0, 0) // one comment
	p = binary.LittleEndian.AppendUint32(p, uint32(len(comment)))
	return append(p, comment...)
}

// parseTags returns the comments.
func parseTags(p []byte) ([]string, error) {
	bad := errors.New("the Opus tags are damaged")
	p, ok := bytes.CutPrefix(p, []byte("OpusTags"))
	if !ok {
		return nil, bad
	}
	next := func() (string, bool) {
		if len(p) < 4 {
			return "", false
		}
		n := uint64(binary.LittleEndian.Uint32(p))
		if n > uint64(len(p)-4) {
			return "", false
		}
		s := string(p[4 : 4+n])
		p = p[4+n:]
		return s, true
	}
	if _, ok := next(); !ok || len(p) < 4 {
		return nil, bad
	}
	count := binary.LittleEndian.Uint32(p)
	p = p[4:]
	var comments []string
	for range count {
		s, ok := next() // each takes four bytes at least, so a count that lies ends soon
		if !ok {
			return nil, bad
		}
		comments = append(comments, s)
	}
	return comments, nil
}

// checkTags tells whether the tags name this recording, and no other.
func checkTags(p []byte, id string) error {
	comments, err := parseTags(p)
	if err != nil {
		return err
	}
	comments = slices.DeleteFunc(comments, func(c string) bool { return !strings.HasPrefix(c, Tag) })
	if !slices.Equal(comments, []string{Tag + id}) {
		return fmt.Errorf("the Opus tags are of another recording: %.80q", comments)
	}
	return nil
}

// Duration is how long an Opus packet plays, in samples at 48 kHz.
func Duration(packet []byte) (int, error) {
	bad := errors.New("no Opus packet")
	if len(packet) == 0 {
		return 0, bad
	}
	var frame time.Duration
	switch config := packet[0] >> 3; {
	case config < 12:
		frame = [...]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16:
		frame = [...]time.Duration{10, 20}[config&1] * time.Millisecond
	default:
		frame = 2500 * time.Microsecond << (config & 3)
	}
	frames := 1
	switch packet[0] & 3 {
	case 1, 2:
		frames = 2
	case 3:
		if len(packet) < 2 {
			return 0, bad
		}
		frames = int(packet[1] & 63)
	}
	total := frame * time.Duration(frames)
	if frames == 0 || total > 120*time.Millisecond {
		return 0, bad
	}
	return int(total * Rate / time.Second), nil
}

// silence is an Opus packet of 20 ms of silence, like another one in channels and, where that has
// one, in bandwidth: CELT at its widest else. Its first symbol says that nothing follows.
func silence(like byte) []byte {
	const celt, widest = 16 << 3, 31 << 3
	toc := byte(widest)
	if like >= celt {
		toc = like&0x60 | celt | 3<<3
	}
	return []byte{toc | like&4, 0xff, 0xfe}
}
