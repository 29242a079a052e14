package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// A player decrypts the segments of one recording and puts them together.
type player struct {
	r        io.ReaderAt
	size     int64
	rep      *Report
	head     Head
	session  *age.X25519Identity
	segments []found // by number
	sealed   []byte  // space for one
	final    bool    // what goes wrong now is to be reported
	progress func(done, total int64)
}

// unlock opens key.age, and with it the acts.
func (p *player) unlock(in *contents, identities []age.Identity) error {
	if in.key == nil {
		return errors.New("key.age is missing: nothing of it can be opened")
	}
	session, origin, err := openKey(in.key, identities)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return ErrIdentity
	}
	if err != nil {
		return fmt.Errorf("open key.age: %w", err)
	}
	if p.rep.HeadProved && origin != p.head.Origin() {
		return fmt.Errorf("key.age is that of %s, not of %s", origin, p.head.Origin())
	}
	p.session = session
	if p.rep.Consent, err = openActs(in.consent, session); err != nil {
		p.rep.add(Damage{Member: "consent.age", Second: AtHead, What: "it doesn't open"})
	}
	if in.closing != nil {
		if p.rep.Closing, err = openActs(in.closing, session); err != nil {
			p.rep.add(Damage{Member: "end.age", Second: AtEnd, What: "it doesn't open"})
		}
	}
	if !p.rep.HeadProved {
		return p.guessHead(origin)
	}
	return nil
}

// open decrypts a segment.
func (p *player) open(f *found) ([]byte, error) {
	if int64(cap(p.sealed)) < f.size {
		p.sealed = make([]byte, f.size)
	}
	p.sealed = p.sealed[:f.size]
	if err := readFull(p.r, p.sealed, f.at); err != nil {
		return nil, &readError{err}
	}
	if sha256.Sum256(p.sealed) != f.sum {
		return nil, &readError{ErrChanged}
	}
	return unseal(p.sealed, p.session)
}

// readError is one that ends Open; others cost a segment.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// maxJump is how far beyond the last one a segment is taken that no note
// proves. It bounds the silence that a file can ask for.
const maxJump = 3600

// play writes the sound.
func (p *player) play(join joiner, w io.Writer) (*Sound, error) {
	out := &assembly{join: join, w: w}
	for i := range p.segments {
		f := &p.segments[i]
		n := int64(f.n)
		if n <= out.sound.Seconds || !f.proved && n > out.sound.Seconds+maxJump {
			continue
		}
		if p.progress != nil && i%256 == 0 {
			p.progress(f.at, p.size)
		}
		plain, err := p.open(f)
		var fatal *readError
		if errors.As(err, &fatal) {
			return nil, fatal.error
		}
		if err == nil {
			var written bool
			if written, err = out.add(n, plain); err != nil && written {
				return nil, err
			}
		}
		switch {
		case err != nil && f.proved && p.final:
			p.rep.add(Damage{Member: name{kindSegment, f.n}.String(), Second: n, Offset: f.at - blockSize,
				What: "it is as it was sealed, but doesn't open or doesn't fit: " + err.Error()})
		case err == nil && !f.proved:
			out.sound.Unproved = extend(out.sound.Unproved, n)
		}
	}
	return out.finish(p.rep.Segments)
}

// An assembly is a file that is being put together.
type assembly struct {
	join  joiner
	w     io.Writer
	sound Sound
	any   bool // a segment has been added
}

// add puts a segment in its place, behind silence for those that are lost. An
// error before anything of it was written is the segment's.
func (a *assembly) add(n int64, plain []byte) (written bool, err error) {
	if err := a.skipTo(n - 1); err != nil {
		return true, err
	}
	b, err := a.join.Add(plain)
	if err != nil {
		return false, err
	}
	a.sound.Seconds, a.any = n, true
	_, err = a.w.Write(b)
	return true, err
}

// skipTo writes silence up to second n.
func (a *assembly) skipTo(n int64) error {
	for ; a.sound.Seconds < n; a.sound.Seconds++ {
		b, err := a.join.Skip()
		if err != nil {
			return err
		}
		if _, err := a.w.Write(b); err != nil {
			return err
		}
		a.sound.Silence = extend(a.sound.Silence, a.sound.Seconds+1)
	}
	return nil
}

// finish ends the file, which has to be as many seconds long at least.
func (a *assembly) finish(seconds int64) (*Sound, error) {
	if !a.any {
		return nil, ErrNoSound
	}
	if err := a.skipTo(seconds); err != nil {
		return nil, err
	}
	b, err := a.join.Finish()
	if err != nil {
		return nil, err
	}
	a.sound.Samples = a.join.Samples()
	_, err = a.w.Write(b)
	return &a.sound, err
}

// extend adds a second behind the last one to a list of spans.
func extend(list []Span, n int64) []Span {
	if last := len(list) - 1; last >= 0 && list[last].Last == n-1 {
		list[last].Last = n
		return list
	}
	return append(list, Span{n, n})
}
