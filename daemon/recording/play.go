package recording

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// A player decrypts the segments of one recording and joins them.
type player struct {
	r        io.ReaderAt
	size     int64
	rep      *Report
	head     Head
	identity *age.X25519Identity
	segments []foundSegment // by number
	sealed   []byte         // buffer for one segment
	silence  int64          // seconds of silence allowed for lost segments
	final    bool           // report damage: this is the pass that writes
	progress func(done, total int64)
}

// unlock opens key.age, and with the identity in it the acts.
func (p *player) unlock(in *contents, identities []age.Identity) error {
	identity, origin, err := openKey(in.key, identities)
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
	p.identity = identity
	if p.rep.Consent, err = openActs(in.consent, identity); err != nil {
		p.rep.add(Damage{Member: "consent.age", Second: AtHead, What: "it doesn't open"})
	}
	if in.closing != nil {
		if p.rep.Closing, err = openActs(in.closing, identity); err != nil {
			p.rep.add(Damage{Member: "end.age", Second: AtEnd, What: "it doesn't open"})
		}
	}
	if !p.rep.HeadProved {
		return p.guessHead(origin)
	}
	return nil
}

// open decrypts a segment.
func (p *player) open(f *foundSegment) ([]byte, error) {
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
	return unseal(p.sealed, p.identity)
}

// readError is an error that ends Open; any other costs one segment.
type readError struct{ error }

func (e *readError) Unwrap() error { return e.error }

// maxJump is how many seconds an unproved segment may follow after the one before. It limits the
// silence that a forged file can ask for.
const maxJump = 3600

// play writes the sound to w.
func (p *player) play(join joiner, w io.Writer) (*Sound, error) {
	out := &assembly{join: join, w: w, sound: Sound{Rate: p.head.Audio.Rate}, silence: p.silence}
	for i := range p.segments {
		f := &p.segments[i]
		n := int64(f.n)
		if n <= out.sound.Seconds {
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
			err = p.checkShort(f, plain)
		}
		if err == nil && !f.proved && n > out.sound.Seconds+maxJump {
			err = errTooFar
		}
		if err == nil {
			err = out.add(n, plain)
		}
		if out.failed != nil {
			return nil, out.failed
		}
		switch {
		case err == errTooFar:
			out.sound.LeftOut = extend(out.sound.LeftOut, n)
		case err != nil && f.proved && p.final:
			p.rep.add(Damage{Member: name{kindSegment, f.n}.String(), Second: n, Offset: f.at - blockSize,
				What: "it is as it was sealed, but doesn't open or doesn't fit: " + err.Error()})
		case err == nil && !f.proved:
			out.sound.Unproved = extend(out.sound.Unproved, n)
		}
	}
	sound, err := out.finish(p.rep.Segments)
	if err == nil && p.final {
		for _, s := range sound.LeftOut {
			p.rep.add(Damage{Second: s.First, Last: s.Last, Offset: p.size, What: errTooFar.Error()})
		}
	}
	return sound, err
}

var errTooFar = errors.New("left out: too much silence would have to be put in before it")

// checkShort refuses an unproved short segment that is not the last one, where it would end a WAV
// file: only its number says where it belongs, and nothing proves that.
func (p *player) checkShort(f *foundSegment, plain []byte) error {
	a := &p.head.Audio
	last := p.segments[len(p.segments)-1].n
	if a.Codec == "wav" && !f.proved && f.n < last && len(plain) < 2*a.Channels*a.Rate {
		return errors.New("it is shorter than a second, and not the last one")
	}
	return nil
}

// An assembly is the audio file being put together.
type assembly struct {
	join    joiner
	w       io.Writer
	sound   Sound
	silence int64 // seconds of silence that may still be put in
	any     bool  // whether a segment has been added
	failed  error // of w
}

func (a *assembly) write(b []byte) {
	if a.failed == nil {
		_, a.failed = a.w.Write(b)
	}
}

// add adds segment n, after silence for those lost before it.
func (a *assembly) add(n int64, plain []byte) error {
	if err := a.skipTo(n - 1); err != nil {
		return err
	}
	b, err := a.join.Add(plain)
	if err != nil {
		return err
	}
	a.write(b)
	a.sound.Seconds, a.any = n, true
	return nil
}

// skipTo writes silence up to second n: all of it or none. There can be none after the segment that
// ended the sound.
func (a *assembly) skipTo(n int64) error {
	if n-a.sound.Seconds > a.silence {
		return errTooFar
	}
	for a.sound.Seconds < n && a.failed == nil {
		b, err := a.join.Skip()
		if err != nil {
			return err
		}
		a.write(b)
		a.sound.Seconds++
		a.silence--
		a.sound.Silence = extend(a.sound.Silence, a.sound.Seconds)
	}
	return nil
}

// finish ends the file, which should be at least seconds long.
func (a *assembly) finish(seconds int64) (*Sound, error) {
	if !a.any {
		return nil, ErrNoSound
	}
	if err := a.skipTo(seconds); err == errTooFar { // any other error: the sound ended before
		if list := a.sound.LeftOut; len(list) > 0 {
			seconds = max(seconds, list[len(list)-1].Last)
		}
		a.sound.LeftOut = []Span{{a.sound.Seconds + 1, seconds}}
	}
	b, err := a.join.Finish()
	if err != nil {
		return nil, err
	}
	a.write(b)
	a.sound.Samples = a.join.Samples()
	return &a.sound, a.failed
}

// extend adds second n to the end of a list of spans.
func extend(list []Span, n int64) []Span {
	if last := len(list) - 1; last >= 0 && list[last].Last == n-1 {
		list[last].Last = n
		return list
	}
	return append(list, Span{n, n})
}
