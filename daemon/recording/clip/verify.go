package clip

import (
	"bytes"
	"crypto/sha256"
	"io"
	"slices"
	"time"

	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/excerpt"
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
	Part    excerpt.Part
	Stanza  string // the type of the first stanza in key.age: "scrypt" is a passphrase
	Vouched bool   // whether the caller knows the unit's key

	Sound *Sound // set by Open
}

// Length is the length of the recording, up to what is proved of it.
func (r *Report) Length() time.Duration { return excerpt.Length(r.Samples, r.Head.Audio.Rate) }

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
	rep     Report
	claim   claim
	proof   *recording.Proof
	keyAge  []byte
	seconds []second // those that are given, in order
}

// second is a second that a clip gives.
type second struct {
	n    int64 // of its segment, from 1
	at   int64 // offset of the sealed segment
	size int64
	sum  [sha256.Size]byte
	key  []byte // NNNNNN.key
}

// reading is a clip that is being read.
type reading struct {
	contents
	b      excerpt.Reader
	o      *Options
	size   int64
	readMe *bundle.Member
	keys   [][]byte
}

func read(r io.ReaderAt, size int64, o *Options) (*contents, error) {
	c := &reading{b: excerpt.Reader{Reader: bundle.NewReader(r, size)}, o: o, size: size}
	if err := c.start(); err != nil {
		return nil, err
	}
	for s := c.claim.From; s < c.claim.To; s++ {
		if err := c.second(s); err != nil {
			return nil, err
		}
	}
	if err := c.end(); err != nil {
		return nil, err
	}
	return &c.contents, c.conclude()
}

// start reads what stands before the seconds.
func (c *reading) start() (err error) {
	if c.readMe, err = c.b.Next("READ-ME.txt", excerpt.MaxText); err != nil {
		return err
	}
	m, err := c.b.Next("clip.json", excerpt.MaxText)
	if err != nil {
		return err
	}
	if c.claim, err = parseClaim(m.Content); err != nil {
		return m.Fault("%v", err)
	}
	segments, err := c.b.Leaves()
	if err != nil {
		return err
	}
	c.rep.Part = c.claim.part()
	if err := c.rep.Part.Check(segments); err != nil {
		return m.Fault("%v", err)
	}
	return c.b.Head()
}

// second reads the members of a second, counted from 0.
func (c *reading) second(s int64) error {
	if c.o.Progress != nil && s%64 == 0 {
		c.o.Progress(c.b.At(), c.size)
	}
	if err := c.b.Happened(s + 1); err != nil || c.rep.Part.Withholds(s) {
		return err
	}
	m, err := c.b.Next(recording.SegmentName(s+1, "age"), recording.MaxSegment)
	if err != nil {
		return err
	}
	if err := c.b.Matches(m); err != nil {
		return err
	}
	key, err := c.b.Next(recording.SegmentName(s+1, "key"), excerpt.MaxNote)
	if err != nil {
		return err
	}
	c.keys = append(c.keys, key.Content)
	c.seconds = append(c.seconds, second{s + 1, m.Start(), int64(len(m.Content)), sha256.Sum256(m.Content), key.Content})
	return nil
}

// end reads what stands after the seconds.
func (c *reading) end() error {
	if err := c.b.End(); err != nil {
		return err
	}
	m, err := c.b.Next("key.age", maxKey)
	if err != nil {
		return err
	}
	c.keyAge = m.Content
	if sumKeys(c.keys, c.keyAge) != c.claim.Keys {
		return m.Fault("it, or one of the NNNNNN.key, is not the one that clip.json names")
	}
	return nil
}

// conclude proves what was read.
func (c *reading) conclude() error {
	p, err := c.b.Prove(c.claim.ID, "clip.json")
	if err != nil {
		return err
	}
	c.rep.Stanza = stanzaOf(c.keyAge)
	about, err := readMe(&p.Head, &c.claim, c.b.Evidence.Leaves, c.b.Closing, c.rep.Stanza)
	if err != nil {
		return excerpt.Fault(err)
	}
	if !bytes.Equal(about, c.readMe.Content) {
		return c.readMe.Fault("it is not the text that a clip has")
	}
	c.proof = p
	c.rep.Head, c.rep.End, c.rep.Samples = p.Head, p.End, p.Samples()
	c.rep.Vouched = slices.Contains(c.o.Units, p.Head.UnitKey)
	return nil
}
