package visit

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
)

// Format is the format version in proof.json.
const Format = "tacet-proof/1"

// claim is proof.json. A reader computes all of it, and compares.
type claim struct {
	Format string `json:"format"`
	ID     string `json:"id"` // the recording's
	excerpt.Span
	Withheld []excerpt.Span `json:"withheld"`
}

func (c *claim) encode() ([]byte, error) {
	if c.Withheld == nil {
		c.Withheld = []excerpt.Span{}
	}
	text, err := json.Marshal(c) // an ID and a format have nothing to escape
	if err != nil {
		return nil, err
	}
	if text = append(text, '\n'); len(text) > excerpt.MaxText {
		return nil, errors.New("too many spans are withheld")
	}
	return text, nil
}

func parseClaim(text []byte) (claim, error) {
	var c claim
	if err := json.Unmarshal(text, &c); err != nil {
		return c, errors.New("it can't be read")
	}
	if c.Format != Format {
		return c, errors.New("it is not of the format " + Format)
	}
	if again, err := c.encode(); err != nil || !bytes.Equal(again, text) {
		return c, errors.New("it is not as a proof writes it")
	}
	return c, nil
}

// writeProof writes the proof.
func (c *Copy) writeProof(to io.Writer) error {
	e := &c.index.Evidence
	text, err := (&claim{Format, c.head().ID, c.part.Span, c.part.Withheld}).encode()
	if err != nil {
		return fmt.Errorf("make the proof: %w", err)
	}
	closing, err := new(recording.Proof).Lines(e.Leaves)
	if err != nil {
		return fmt.Errorf("make the proof: %w", err)
	}
	w := &members{Writer: bundle.NewWriter(to, c.head().Started.Unix())}
	w.add("proof.json", text)
	w.add("leaves", e.Leaves)
	w.add("recording.json", e.Head)
	w.add("recording.note", e.HeadNote)
	for s := c.part.From; s < c.part.To; s++ {
		name := recording.SegmentName(s+1, "json")
		happened, err := c.index.Read(name)
		if err != nil {
			return fmt.Errorf("make the proof: %w", err)
		}
		w.add(name, happened)
	}
	w.add("seals", c.seals)
	w.add("sizes", c.sizes)
	w.add("edges", c.edges)
	w.add("end.json", e.End)
	w.add(closing, e.Note)
	if w.err != nil {
		return fmt.Errorf("make the proof: %w", w.err)
	}
	return w.Close()
}

// members adds members up to the first error, and leaves out those that have no content.
type members struct {
	*bundle.Writer
	err error
}

func (m *members) add(name string, content []byte) {
	if m.err == nil && len(content) > 0 {
		m.err = m.Add(name, content)
	}
}

// A Proof is the proof of a copy. All of it is proved, but seals, sizes and edges: they show in the
// sound.
type Proof struct {
	Head    recording.Head
	End     *recording.End // nil if the recording has no end, or none that is proved
	Samples int64          // of the recording, up to what is proved
	Part    excerpt.Part
	Whole   bool // whether the copy is all of the recording

	lines recording.Proof
	seals []byte
	sizes []byte
	edges []byte
}

// Length is the length of the recording, up to what is proved of it.
func (p *Proof) Length() time.Duration { return excerpt.Length(p.Samples, p.Head.Audio.Rate) }

// ReadProof reads the proof that is the first size bytes of r, and proves what it can without the
// sound. An error is a *bundle.Fault, or says that reading failed.
func ReadProof(r io.ReaderAt, size int64) (*Proof, error) {
	b := &excerpt.Reader{Reader: bundle.NewReader(r, size)}
	m, err := b.Next("proof.json", excerpt.MaxText)
	if err != nil {
		return nil, err
	}
	c, err := parseClaim(m.Content)
	if err != nil {
		return nil, m.Fault("%v", err)
	}
	segments, err := b.Leaves()
	if err != nil {
		return nil, err
	}
	p := &Proof{Part: excerpt.Part{Span: c.Span, Withheld: c.Withheld}}
	if err := p.Part.Check(segments); err != nil {
		return nil, m.Fault("%v", err)
	}
	if err := b.Head(); err != nil {
		return nil, err
	}
	for s := c.From; s < c.To; s++ {
		if err := b.Happened(s + 1); err != nil {
			return nil, err
		}
	}
	if err := p.readSeals(b); err != nil {
		return nil, err
	}
	if err := b.End(); err != nil {
		return nil, err
	}
	proved, err := b.Prove(c.ID, "proof.json")
	if err != nil {
		return nil, err
	}
	p.lines, p.Head, p.End, p.Samples = *proved, proved.Head, proved.End, proved.Samples()
	p.Whole = p.Part.From == 0 && p.Part.To == segments && p.Part.Held() == 0
	return p, p.checkSizes()
}

// maxEdges is the most that edges has: two headers, and two page headers.
const maxEdges = 64 << 10

// readSeals reads seals, sizes and edges.
func (p *Proof) readSeals(b *excerpt.Reader) error {
	given := p.Part.Seconds() - p.Part.Held()
	for _, member := range []struct {
		name  string
		limit int64
		into  *[]byte
	}{{"seals", given * sealSize, &p.seals}, {"sizes", 4 * given, &p.sizes}, {"edges", maxEdges, &p.edges}} {
		if member.name != "seals" && !b.Has(member.name) {
			continue
		}
		m, err := b.Next(member.name, member.limit)
		if err != nil {
			return err
		}
		if *member.into = m.Content; member.name != "edges" && int64(len(m.Content)) != member.limit {
			return m.Fault("it has %d bytes, not %d", len(m.Content), member.limit)
		}
	}
	return nil
}

// checkSizes checks that what the codec needs is there, and nothing else.
func (p *Proof) checkSizes() error {
	codec := p.Head.Audio.Codec
	if (codec == "flac") != (p.sizes != nil) {
		return excerpt.Fault(errors.New("sizes: FLAC has them, and no other format"))
	}
	first, _ := givenIn(&p.Part)
	if (codec == "opus" || first == 0) != (p.edges != nil) {
		return excerpt.Fault(errors.New("edges: they are missing, or there is nothing that they could be of"))
	}
	return nil
}

// size is the size in a FLAC file of the second that is the given one with this index.
func (p *Proof) size(i int) int { return int(binary.BigEndian.Uint32(p.sizes[4*i:])) }

// seal is the seal of the second that is the given one with this index.
func (p *Proof) seal(i int) []byte { return p.seals[i*sealSize:][:sealSize] }
