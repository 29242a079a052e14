package visit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"

	"tacet/audio/container"
	"tacet/audio/ogg"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/filekey"
)

// Check checks that the first size bytes of r are the copy's file of that name: that its sound is
// the recording's, and that nothing else is in it. An error is a *bundle.Fault, or says that
// reading failed. It reads each byte once.
func (p *Proof) Check(name string, r io.ReaderAt, size int64) error {
	s := &sound{r: io.NewSectionReader(r, 0, size), size: size}
	if header, ok := headers[name]; ok {
		return p.checkPackets(s, header)
	}
	return p.checkJoined(s)
}

// sound is a file that plays, read from start to end.
type sound struct {
	r        *io.SectionReader
	at, size int64
}

// next reads the next n bytes.
func (s *sound) next(n int64) ([]byte, error) {
	if n < 0 || n > s.size-s.at || n > bundle.MaxMember {
		return nil, &bundle.Fault{Offset: s.at, What: "the file is shorter than the part that it is a copy of"}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s.r, b); err != nil {
		return nil, fmt.Errorf("read at %d: %w", s.at, err)
	}
	s.at += n
	return b, nil
}

// fault is a fault of what was read last, which had n bytes.
func (s *sound) fault(n int, format string, args ...any) error {
	return &bundle.Fault{Offset: s.at - int64(n), What: fmt.Sprintf(format, args...)}
}

// checkSegment checks that a segment, sealed again, has the hash in leaves. i is its index among
// the given ones, n its number.
func (p *Proof) checkSegment(i int, n int64, plain []byte) error {
	seal := p.seal(i)
	header, rest := seal[:filekey.HeaderSize], seal[filekey.HeaderSize:]
	nonce, key := rest[:filekey.NonceSize], rest[filekey.NonceSize:]
	if err := filekey.Check(header, key); err != nil {
		return excerpt.Fault(fmt.Errorf("%s: seals: %w", excerpt.Clock(n-1), err))
	}
	sealed, err := filekey.Seal(slices.Concat(header, nonce), key, nonce, plain)
	if err != nil {
		return excerpt.Fault(err)
	}
	if sum, _ := p.lines.Sum(recording.SegmentName(n, "age")); sum != sha256.Sum256(sealed) {
		return errNotIts
	}
	return nil
}

var errNotIts = errors.New("it is not the recording's")

// checkPackets checks a file of packets.
func (p *Proof) checkPackets(s *sound, header func(container.Track) ([]byte, error)) error {
	t, edges, err := p.track()
	if err != nil {
		return excerpt.Fault(fmt.Errorf("edges: %w", err))
	}
	want, err := header(t)
	if err != nil {
		return excerpt.Fault(fmt.Errorf("edges: %w", err))
	}
	head, err := s.next(int64(len(want)))
	if err != nil {
		return err
	}
	if !bytes.Equal(head, want) {
		return s.fault(len(head)-differsAt(head, want), "the file's header is not the only one that it may have")
	}
	if s.size-s.at != t.Bytes() {
		return s.fault(0, "%d bytes of sound, not %d", s.size-s.at, t.Bytes())
	}
	c := &packetCheck{Proof: p, sound: s, size: int64(t.PacketSize), edges: edges}
	for second := p.Part.From; second < p.Part.To; second++ {
		if err := c.second(second); err != nil {
			return err
		}
	}
	return nil
}

// packetCheck is a check of a file of packets, second by second.
type packetCheck struct {
	*Proof
	*sound
	size    int64
	edges   map[int64]edge
	given   int
	waiting []byte // a withheld second before the first that is given
	quiet   []byte // what a withheld second must be; nil before the first that is given
}

// second checks a second, counted from 0.
func (c *packetCheck) second(s int64) error {
	count := int64(packetsPerSecond)
	edge, isEdge := c.edges[s]
	if isEdge {
		count = edge.packets
	}
	body, err := c.next(count * c.size)
	if err != nil {
		return err
	}
	if c.Part.Withholds(s) {
		return c.withheld(s, body)
	}
	packets := split(body, int(c.size))
	plain, err := ogg.JoinSecond(c.Head.ID, s+1, packets, edge.bytes)
	if err == nil {
		err = c.checkSegment(c.given, s+1, plain)
	}
	if errors.As(err, new(*bundle.Fault)) {
		return err
	}
	if err != nil {
		return c.fault(len(body), "%s: the sound of this second: %v", excerpt.Clock(s), err)
	}
	c.given++
	if c.quiet == nil {
		c.quiet = bytes.Join(ogg.Silence(ogg.Second{Packets: packets}).Packets, nil)
		if c.waiting != nil {
			return c.withheld(c.Part.From, c.waiting)
		}
	}
	return nil
}

// withheld checks that a withheld second is silence. What silence is, the first second that is
// given says; those before it must be equal.
func (c *packetCheck) withheld(s int64, body []byte) error {
	want := c.quiet
	if want == nil {
		if c.waiting == nil {
			c.waiting = body
		}
		want = c.waiting
	}
	if !bytes.Equal(body, want) {
		return c.fault(len(body), "%s: it is withheld, but there is something other than silence", excerpt.Clock(s))
	}
	return nil
}

// split splits packets of one size.
func split(body []byte, size int) (list [][]byte) {
	for ; len(body) > 0; body = body[size:] {
		list = append(list, body[:size])
	}
	return list
}

// differsAt is where two texts of one length differ first.
func differsAt(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return len(a)
}
