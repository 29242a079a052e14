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
	// Rate is the rate of granule positions, whatever the rate of the capture.
	Rate = 48000
	// PreSkip is libopus's lookahead in samples at 48 kHz. Players drop as many at the start.
	PreSkip = 312
	// Tag starts the comment with the recording's ID.
	Tag = "TACET_ID="

	vendor = "tacet"
)

// Serial is the serial number of a recording's stream.
func Serial(id string) uint32 {
	sum := sha256.Sum256([]byte(id))
	return binary.BigEndian.Uint32(sum[:])
}

// A Head is the content of the identification header.
type Head struct {
	Channels int
	PreSkip  int // samples at 48 kHz
	Rate     int // of the capture
}

func (h Head) packet() []byte {
	p := append([]byte("OpusHead"), 1, byte(h.Channels))
	p = binary.LittleEndian.AppendUint16(p, uint16(h.PreSkip))
	p = binary.LittleEndian.AppendUint32(p, uint32(h.Rate))
	return append(p, 0, 0, 0) // no gain; mono or stereo
}

func parseHead(p []byte) (Head, error) {
	if len(p) != 19 || string(p[:8]) != "OpusHead" || p[8] != 1 || p[16]|p[17]|p[18] != 0 {
		return Head{}, errors.New("the Opus header was not written by this program")
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
		s, ok := next() // each takes at least four bytes, so a wrong count ends soon
		if !ok {
			return nil, bad
		}
		comments = append(comments, s)
	}
	return comments, nil
}

// checkTags checks that the tags name this recording and no other.
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

// Duration is the duration of an Opus packet, in samples at 48 kHz.
func Duration(packet []byte) (int, error) {
	bad := errors.New("not an Opus packet")
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

// silence is an Opus packet of 20 ms of silence. It has the channels of another packet, and its
// bandwidth if that is CELT, else the widest one. Its first symbol says that nothing follows.
func silence(like byte) []byte {
	const celt, widest = 16 << 3, 31 << 3
	toc := byte(widest)
	if like >= celt {
		toc = like&0x60 | celt | 3<<3
	}
	return []byte{toc | like&4, 0xff, 0xfe}
}
