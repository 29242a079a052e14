package ogg

import (
	"bytes"
	"errors"
)

// A Second is the sound of one segment.
type Second struct {
	Packets [][]byte // they alias the segment
	Length  int64    // in samples at 48 kHz: Rate, but for the recording's last segment
	Ends    bool     // the page has the end mark
}

// Bytes is the number of bytes of all packets.
func (s *Second) Bytes() (n int) {
	for _, p := range s.Packets {
		n += len(p)
	}
	return n
}

// ParseSecond checks segment n, counted from 1, as a Joiner does, and takes it apart. edge is what
// the segment holds before its sound: the stream's headers, if it is the first, and the page's
// header.
func ParseSecond(id string, rate, channels int, n int64, segment []byte) (s Second, edge []byte, err error) {
	j := NewJoiner(id, rate, channels)
	if n > 1 {
		j.started, j.sequence, j.granule = true, uint32(n)+1, (n-1)*Rate
	}
	before := j.granule
	if err := j.check(segment); err != nil {
		return s, nil, err
	}
	var p Page
	for rest := segment; len(rest) > 0; {
		if p, rest, err = Parse(rest); err != nil {
			return s, nil, err
		}
	}
	for packet := range p.Packets {
		s.Packets = append(s.Packets, packet)
	}
	s.Length, s.Ends = j.granule-before, j.ended
	return s, segment[:len(segment)-len(p.Body)], nil
}

// JoinSecond is the inverse of ParseSecond: it makes a segment of its packets. Without an edge, the
// segment is neither the first nor the last of its recording, so that its header is known.
func JoinSecond(id string, n int64, packets [][]byte, edge []byte) ([]byte, error) {
	if edge != nil {
		return append(bytes.Clone(edge), bytes.Join(packets, nil)...), nil
	}
	if n <= 1 {
		return nil, errors.New("the first second has no headers")
	}
	s := &Stream{serial: Serial(id), sequence: uint32(n) + 1}
	for _, packet := range packets {
		s.Packet(packet)
	}
	if len(s.page.Lacing) > maxLacing {
		return nil, errors.New("more packets than a page can hold")
	}
	return s.Page(nil, 0, n*Rate), nil
}

// Silence is a second of silence in packets that have the sizes of another second's.
func Silence(like Second) Second {
	toc, size := byte(0), 0
	if len(like.Packets) > 0 {
		toc, size = like.Packets[0][0], len(like.Packets[0])
	}
	s := Second{Length: second}
	for range second / 960 {
		s.Packets = append(s.Packets, pad(silence(toc), size))
	}
	return s
}

// pad pads a packet of one frame to size bytes, by RFC 6716, 3.2.5. One that can't be padded to that
// is returned as it is.
func pad(packet []byte, size int) []byte {
	const padding, one = 1 << 6, 1
	for lengths := 1; ; lengths++ { // bytes that say how many zeros follow
		zeros := size - len(packet) - 1 - lengths
		if zeros < 254*(lengths-1) {
			return packet
		}
		if last := zeros - 254*(lengths-1); last <= 254 {
			out := append(make([]byte, 0, size), packet[0]|3, padding|one)
			for range lengths - 1 {
				out = append(out, 255)
			}
			out = append(append(out, byte(last)), packet[1:]...)
			return append(out, make([]byte, zeros)...)
		}
	}
}

// An Excerpt makes a new stream of some seconds of a recording, with the same packets: the time
// counts from its start.
type Excerpt struct {
	stream  *Stream
	granule int64
	held    []byte // the last page, which gets the end mark
}

// NewExcerpt starts a stream.
func NewExcerpt(id string, rate, channels int) *Excerpt {
	e := &Excerpt{}
	e.stream, e.held = NewStream(id, Head{Channels: channels, PreSkip: PreSkip, Rate: rate})
	return e
}

// Add adds a second, and returns what can be written.
func (e *Excerpt) Add(s Second) []byte {
	for _, p := range s.Packets {
		e.stream.Packet(p)
	}
	e.granule += s.Length
	out := e.held
	e.held = e.stream.Page(nil, 0, e.granule)
	return out
}

// Finish returns the rest of the stream, with the end mark.
func (e *Excerpt) Finish() []byte {
	mark(e.held)
	return e.held
}

// Length is the length of the stream in samples at 48 kHz, as players count it.
func (e *Excerpt) Length() int64 { return max(0, e.granule-PreSkip) }
