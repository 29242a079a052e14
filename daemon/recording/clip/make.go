package clip

import (
	"bytes"
	"fmt"
	"io"

	"filippo.io/age"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/filekey"
)

// Make writes a clip to w. The index must be unlocked. recipients can open the clip, and nothing
// else of the recording; one made of a passphrase must be the only one.
//
// It reads each second twice, and the second time takes only bytes that are still what was proved.
func Make(w io.Writer, x *recording.Index, part excerpt.Part, recipients []age.Recipient) error {
	if err := part.Check(x.Proof.Segments); err != nil {
		return fmt.Errorf("make a clip: %w", err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return fmt.Errorf("make a clip: %w", err)
	}
	m := &maker{x: x, claim: claim{Format: Format, ID: x.Proof.Head.ID, Span: part.Span, Withheld: part.Withheld}}
	if m.keyAge, err = sealKey(identity, keyComment(&m.claim), recipients); err != nil {
		return fmt.Errorf("make a clip: %w", err)
	}
	if err = m.wrapKeys(identity.Recipient()); err == nil {
		err = m.write(bundle.NewWriter(w, x.Proof.Head.Started.Unix()))
	}
	if err != nil {
		return fmt.Errorf("make a clip: %w", err)
	}
	return nil
}

// maker is a clip that is being made.
type maker struct {
	x      *recording.Index
	claim  claim
	keyAge []byte
	keys   [][]byte // for each second that is given, in order
}

// keyComment is what the key of a clip says of itself, so that it can't be put into another one.
func keyComment(c *claim) string { return fmt.Sprintf("%s %s %d-%d", Format, c.ID, c.From, c.To) }

// sealKey makes key.age.
func sealKey(identity *age.X25519Identity, comment string, recipients []age.Recipient) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, recipients...)
	if err != nil {
		return nil, fmt.Errorf("encrypt its key: %w", err)
	}
	if _, err := fmt.Fprintf(w, "# %s\n# public key: %s\n%s\n", comment, identity.Recipient(), identity); err != nil {
		return nil, fmt.Errorf("encrypt its key: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encrypt its key: %w", err)
	}
	return b.Bytes(), nil
}

// wrapKeys makes the NNNNNN.key.
func (m *maker) wrapKeys(to *age.X25519Recipient) error {
	part := m.claim.part()
	for second := part.From; second < part.To; second++ {
		if part.Withholds(second) {
			continue
		}
		_, key, err := m.x.Segment(second + 1)
		if err != nil {
			return err
		}
		header, err := filekey.Wrap(key, to)
		clear(key)
		if err != nil {
			return err
		}
		m.keys = append(m.keys, header)
	}
	m.claim.Keys = sumKeys(m.keys, m.keyAge)
	return nil
}

// write writes the members.
func (m *maker) write(w *bundle.Writer) error {
	e, head := &m.x.Evidence, &m.x.Proof.Head
	text, err := m.claim.encode()
	if err != nil {
		return err
	}
	closing, err := new(recording.Proof).Lines(e.Leaves)
	if err != nil {
		return err
	}
	about, err := readMe(head, &m.claim, e.Leaves, closing, stanzaOf(m.keyAge))
	if err != nil {
		return err
	}
	for _, member := range []struct {
		name    string
		content []byte
	}{{"READ-ME.txt", about}, {"clip.json", text}, {"leaves", e.Leaves}, {"recording.json", e.Head},
		{"recording.note", e.HeadNote}} {
		if err := w.Add(member.name, member.content); err != nil {
			return err
		}
	}
	if err := m.writeSeconds(w); err != nil {
		return err
	}
	if e.End != nil {
		if err := w.Add("end.json", e.End); err != nil {
			return err
		}
	}
	if err := w.Add(closing, e.Note); err != nil {
		return err
	}
	if err := w.Add("key.age", m.keyAge); err != nil {
		return err
	}
	return w.Close()
}

// writeSeconds writes what is given of each second: what happened in it, and its sound.
func (m *maker) writeSeconds(w *bundle.Writer) error {
	part, given := m.claim.part(), 0
	for second := part.From; second < part.To; second++ {
		for _, ending := range []string{"json", "age"} {
			if ending == "age" && part.Withholds(second) {
				continue
			}
			name := recording.SegmentName(second+1, ending)
			content, err := m.x.Read(name)
			if err != nil {
				return err
			}
			if content == nil { // nothing happened
				continue
			}
			if err := w.Add(name, content); err != nil {
				return err
			}
		}
		if part.Withholds(second) {
			continue
		}
		if err := w.Add(recording.SegmentName(second+1, "key"), m.keys[given]); err != nil {
			return err
		}
		given++
	}
	return nil
}
