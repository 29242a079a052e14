package clip

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"

	"tacet/daemon/recording"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/filekey"
)

// Opening configures Open.
type Opening struct {
	Options
	Identities []age.Identity

	// Accept, if not nil, is called with the verified clip's report before anything is decrypted.
	// If it returns an error, Open returns that error.
	Accept func(*Report) error
}

// Sound is what Open wrote.
type Sound struct {
	Samples int64 // at the recording's rate, silence included
}

// Open verifies a clip as Verify does, decrypts it, and writes the sound to w: one Ogg Opus, FLAC or
// WAV file, which counts from its own start, with silence where seconds are withheld.
//
// The sound is decrypted from bytes that are read again: if they don't have the hash that was
// proved, Open returns recording.ErrChanged. After an error, discard what was written.
func Open(r io.ReaderAt, size int64, w io.Writer, o Opening) (*Report, error) {
	c, err := read(r, size, &o.Options)
	if err != nil {
		return nil, err
	}
	if o.Accept != nil {
		if err := o.Accept(&c.rep); err != nil {
			return &c.rep, err
		}
	}
	p := &player{contents: c, r: r}
	if p.identity, err = c.unlock(o.Identities); err != nil {
		return &c.rep, err
	}
	var head []byte
	if c.proof.Head.Audio.Codec != "opus" { // the header holds the length: count in a first pass
		join, err := p.play(io.Discard)
		if err != nil {
			return &c.rep, err
		}
		head = join.Header()
	}
	join, err := p.play(&overlay{w, head})
	if err != nil {
		return &c.rep, err
	}
	c.rep.Sound = &Sound{Samples: join.Samples()}
	return &c.rep, nil
}

var errKeyFile = errors.New("key.age holds no clip's identity")

// unlock opens key.age. It returns recording.ErrIdentity if it is for none of the identities.
func (c *contents) unlock(identities []age.Identity) (*age.X25519Identity, error) {
	plain, err := decrypt(c.keyAge, identities...)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) || errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, recording.ErrIdentity
	}
	if err != nil {
		return nil, excerpt.Fault(fmt.Errorf("key.age: %w", err))
	}
	defer clear(plain)
	var identity *age.X25519Identity
	ours := false
	for lines := bufio.NewScanner(bytes.NewReader(plain)); lines.Scan(); {
		line := lines.Text()
		switch {
		case line == "# "+keyComment(&c.claim):
			ours = true
		case strings.HasPrefix(line, "#"):
		case identity != nil:
			return nil, excerpt.Fault(errKeyFile)
		default:
			if identity, err = age.ParseX25519Identity(line); err != nil {
				return nil, excerpt.Fault(errKeyFile) // not err: it could show a part of the key
			}
		}
	}
	if identity == nil || !ours {
		return nil, excerpt.Fault(errKeyFile)
	}
	return identity, nil
}

// player decrypts a clip.
type player struct {
	*contents
	r        io.ReaderAt
	identity *age.X25519Identity
}

// play writes the sound to w.
func (p *player) play(w io.Writer) (excerpt.Joiner, error) {
	like, err := p.open(&p.seconds[0])
	if err != nil {
		return nil, err
	}
	join, err := excerpt.NewJoiner(&p.proof.Head, p.claim.From, p.seconds[0].n, like)
	if err != nil {
		return nil, doesNotBelong(p.seconds[0].n, err)
	}
	given := p.seconds
	for s := p.claim.From; s < p.claim.To; s++ {
		var out []byte
		if p.rep.Part.Withholds(s) {
			out, err = join.Silence()
		} else {
			out, err = p.add(join, &given[0])
			given = given[1:]
		}
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(out); err != nil {
			return nil, err
		}
	}
	out, err := join.Finish()
	if err != nil {
		return nil, err
	}
	_, err = w.Write(out)
	return join, err
}

func (p *player) add(join excerpt.Joiner, s *second) ([]byte, error) {
	plain, err := p.open(s)
	if err != nil {
		return nil, err
	}
	out, err := join.Add(s.n, plain)
	if err != nil {
		return nil, doesNotBelong(s.n, err)
	}
	return out, nil
}

// open decrypts a second. It also checks that the original header was made with the same file key:
// no other one opens the recording's second to other sound.
func (p *player) open(s *second) ([]byte, error) {
	sealed := make([]byte, s.size)
	if n, err := p.r.ReadAt(sealed, s.at); n < len(sealed) {
		return nil, fmt.Errorf("read at %d: %w", s.at, err)
	}
	if sha256.Sum256(sealed) != s.sum {
		return nil, recording.ErrChanged
	}
	if len(sealed) < filekey.HeaderSize {
		return nil, doesNotBelong(s.n, errors.New("it is too short"))
	}
	again := append(bytes.Clone(s.key), sealed[filekey.HeaderSize:]...)
	key, err := filekey.Unwrap(again, p.identity)
	if err == nil {
		err = filekey.Check(sealed[:filekey.HeaderSize], key)
		clear(key)
	}
	if err != nil {
		return nil, doesNotBelong(s.n, err)
	}
	plain, err := decrypt(again, p.identity)
	if err != nil {
		return nil, doesNotBelong(s.n, err)
	}
	return plain, nil
}

// decrypt decrypts an age file. The result is never longer than the input.
func decrypt(sealed []byte, with ...age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), with...)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, int64(len(sealed))))
}

// overlay replaces the first bytes written to it.
type overlay struct {
	w    io.Writer
	head []byte // replacement bytes still to be written
}

func (o *overlay) Write(b []byte) (int, error) {
	n := min(len(b), len(o.head))
	if n > 0 {
		if _, err := o.w.Write(o.head[:n]); err != nil {
			return 0, err
		}
		o.head = o.head[n:]
	}
	m, err := o.w.Write(b[n:])
	return n + m, err
}

// doesNotBelong is the error for a second that is proved and opens, but is not what it should be:
// the recorder itself was wrong, or it is not one.
func doesNotBelong(n int64, err error) error {
	return excerpt.Fault(fmt.Errorf("%s: it doesn't open or doesn't fit: %w", recording.SegmentName(n, "age"), err))
}
