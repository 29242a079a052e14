package clip

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
)

// Options configures Verify and Open.
type Options struct {
	// Units are the verifier keys of the units that the caller knows, compared whole.
	Units []string

	// Progress, if not nil, is called now and then with the number of bytes read.
	Progress func(done, total int64)
}

// A Report says what a clip is. All of it is proved.
type Report struct {
	Head    recording.Head
	End     *recording.End // nil if the recording has no end, or none that is proved
	Samples int64          // of the recording, up to what is proved
	Part    Part
	Stanza  string // the type of the first stanza in key.age: "scrypt" is a passphrase
	Vouched bool   // whether the caller knows the unit's key

	Sound *Sound // set by Open
}

// Length is the length of the recording, up to what is proved of it.
func (r *Report) Length() time.Duration { return Length(r.Samples, r.Head.Audio.Rate) }

// Is reports whether a file claims to be a clip: whether its second member is clip.json.
func Is(r io.ReaderAt, size int64) bool {
	first, n := bundle.Peek(r, 0)
	if first != "READ-ME.txt" || bundle.Padded(n) >= size {
		return false
	}
	second, _ := bundle.Peek(r, bundle.Padded(n))
	return second == "clip.json"
}

// Verify checks the first size bytes of r, without a key: that they are a clip, that all it holds
// is the recording's and stands where it says, and that it holds or withholds each second of its
// part. An error is a *bundle.Fault, which says what is wrong, or says that reading failed.
//
// It reads each byte once, and holds one member and the list of leaves in memory.
func Verify(r io.ReaderAt, size int64, o Options) (*Report, error) {
	c, err := read(r, size, &o)
	if err != nil {
		return nil, err
	}
	return &c.rep, nil
}

// contents is a clip that was read.
type contents struct {
	rep      Report
	claim    claim
	evidence recording.Evidence
	proof    *recording.Proof
	keyAge   []byte
	seconds  []second // those that are given, in order
}

// second is a second that a clip gives.
type second struct {
	n    int64 // of its segment, from 1
	at   int64 // offset of the sealed segment
	size int64
	sum  [sha256.Size]byte
	key  []byte // NNNNNN.key
}

// fault is a fault that concerns no member, or several.
func fault(err error) error { return &bundle.Fault{Offset: -1, What: err.Error()} }

// reading is a clip that is being read.
type reading struct {
	contents
	b      *bundle.Reader
	o      *Options
	size   int64
	leaves recording.Proof // of unproved lines: names and hashes
	readMe *bundle.Member
	keys   [][]byte
}

func read(r io.ReaderAt, size int64, o *Options) (*contents, error) {
	c := &reading{b: bundle.NewReader(r, size), o: o, size: size}
	closing, err := c.start()
	if err != nil {
		return nil, err
	}
	for s := c.claim.From; s < c.claim.To; s++ {
		if err := c.second(s); err != nil {
			return nil, err
		}
	}
	if err := c.end(closing); err != nil {
		return nil, err
	}
	return &c.contents, c.conclude(closing)
}

// start reads what stands before the seconds. It returns the name of the closing note.
func (c *reading) start() (closing string, err error) {
	if c.readMe, err = c.b.Next("READ-ME.txt", maxText); err != nil {
		return "", err
	}
	m, err := c.b.Next("clip.json", maxText)
	if err != nil {
		return "", err
	}
	if c.claim, err = parseClaim(m.Content); err != nil {
		return "", m.Fault("%v", err)
	}
	if m, err = c.b.Next("leaves", recording.MaxLeaves); err != nil {
		return "", err
	}
	c.evidence.Leaves = m.Content
	if closing, err = c.leaves.Lines(m.Content); err != nil {
		return "", m.Fault("%v", err)
	}
	c.rep.Part = c.claim.part()
	if err := c.rep.Part.check(c.leaves.Segments); err != nil {
		return "", &bundle.Fault{Member: "clip.json", Offset: -1, What: err.Error()}
	}
	if c.evidence.Head, err = c.listed("recording.json"); err != nil {
		return "", err
	}
	c.evidence.HeadNote, err = c.listed("recording.note")
	return closing, err
}

// listed reads a small member that must have the hash in leaves.
func (c *reading) listed(name string) ([]byte, error) {
	m, err := c.b.Next(name, maxText)
	if err != nil {
		return nil, err
	}
	return m.Content, c.matches(m)
}

// matches checks that a member has the hash in leaves.
func (c *reading) matches(m *bundle.Member) error {
	sum, ok := c.leaves.Sum(m.Name)
	if !ok {
		return m.Fault("the recording has no such member")
	}
	if sum != sha256.Sum256(m.Content) {
		return m.Fault("it is not the recording's: its hash is another one than in leaves")
	}
	return nil
}

// second reads the members of a second, counted from 0.
func (c *reading) second(s int64) error {
	if c.o.Progress != nil && s%64 == 0 {
		c.o.Progress(c.b.At(), c.size)
	}
	happened := recording.SegmentName(s+1, "json")
	if _, ok := c.leaves.Sum(happened); ok {
		if _, err := c.listed(happened); err != nil {
			return err
		}
	}
	if c.rep.Part.withholds(s) {
		return nil
	}
	m, err := c.b.Next(recording.SegmentName(s+1, "age"), recording.MaxSegment)
	if err != nil {
		return err
	}
	if err := c.matches(m); err != nil {
		return err
	}
	sum, _ := c.leaves.Sum(m.Name)
	key, err := c.b.Next(recording.SegmentName(s+1, "key"), maxNote)
	if err != nil {
		return err
	}
	c.keys = append(c.keys, key.Content)
	c.seconds = append(c.seconds, second{s + 1, m.Start(), int64(len(m.Content)), sum, key.Content})
	return nil
}

// end reads what stands after the seconds.
func (c *reading) end(closing string) (err error) {
	if closing == "end.note" {
		if c.evidence.End, err = c.listed("end.json"); err != nil {
			return err
		}
	}
	m, err := c.b.Next(closing, maxNote)
	if err != nil {
		return err
	}
	c.evidence.Note = m.Content
	if m, err = c.b.Next("key.age", maxKey); err != nil {
		return err
	}
	c.keyAge = m.Content
	if sumKeys(c.keys, c.keyAge) != c.claim.Keys {
		return m.Fault("it, or one of the NNNNNN.key, is not the one that clip.json names")
	}
	return c.b.End()
}

// conclude proves what was read.
func (c *reading) conclude(closing string) error {
	p, err := c.evidence.Prove()
	if err != nil {
		return fault(err)
	}
	switch {
	case p.Head.ID != c.claim.ID:
		return fault(errors.New("clip.json: it names another recording than recording.json"))
	case p.Head.Started.Unix() != c.b.Time():
		return fault(fmt.Errorf("recording.json: it says that the recording started %v, the archive says otherwise",
			p.Head.Started))
	}
	c.rep.Stanza = stanzaOf(c.keyAge)
	about, err := readMe(&p.Head, &c.claim, c.evidence.Leaves, closing, c.rep.Stanza)
	if err != nil {
		return fault(err)
	}
	if !bytes.Equal(about, c.readMe.Content) {
		return c.readMe.Fault("it is not the text that a clip has")
	}
	c.proof = p
	c.rep.Head, c.rep.End, c.rep.Samples = p.Head, p.End, p.Samples()
	c.rep.Vouched = slices.Contains(c.o.Units, p.Head.UnitKey)
	return nil
}
