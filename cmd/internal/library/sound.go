package library

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"tacet/daemon/recording"
)

// soundTypes are the media types of the codecs.
var soundTypes = map[string]string{"opus": "audio/ogg; codecs=opus", "flac": "audio/flac", "wav": "audio/wav"}

// audio sends a recording's sound, decrypting it as it goes. Of one that is damaged or not
// finished, that is what can be saved.
func (l *Library) audio(w http.ResponseWriter, r *http.Request) {
	f, size, leave := l.visit(w, r)
	if f == nil {
		return
	}
	defer leave()
	m, err := measured{}, recording.ErrIdentity
	if len(l.options.Identities) > 0 {
		m, err = l.measure(r.PathValue("file"), f, size)
	}
	switch {
	case errors.Is(err, recording.ErrIdentity):
		http.Error(w, "no key that is here opens it", http.StatusForbidden)
		return
	case errors.Is(err, errAnybodys):
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	case err != nil:
		fail(w, err)
		return
	}
	s := &sound{size: m.length, unseal: func(to io.Writer) error { _, err := l.unseal(f, size, to); return err }}
	defer s.Close()
	w.Header().Set("Content-Type", soundTypes[m.codec])
	http.ServeContent(w, r, "", time.Time{}, s)
}

// errAnybodys says that a recording is not played, since anybody can have made it who knows the
// public keys.
var errAnybodys = errors.New("nothing proves that a unit made it")

// unseal writes the sound of the first size bytes of a recording.
func (l *Library) unseal(f *os.File, size int64, to io.Writer) (*recording.Report, error) {
	return recording.Open(f, size, to,
		recording.Opening{Identities: l.options.Identities, Accept: func(r *recording.Report) error {
			if r.State != recording.Foreign && !r.HeadProved {
				return errAnybodys
			}
			return nil
		}})
}

// measured is what a player has to be told before the first byte of sound.
type measured struct {
	size     int64 // of the file, as it was then
	modified time.Time
	length   int64 // of the sound, in bytes
	codec    string
}

// measure finds out how long the sound is, by unsealing it once. It remembers that: a player asks
// for one piece after the other.
func (l *Library) measure(name string, f *os.File, size int64) (measured, error) {
	info, err := f.Stat()
	if err != nil {
		return measured{}, err
	}
	l.measures.Lock()
	defer l.measures.Unlock()
	if m, ok := l.measured[name]; ok && m.size == size && m.modified.Equal(info.ModTime()) {
		return m, nil
	}
	var length counter
	report, err := l.unseal(f, size, &length)
	if err != nil {
		return measured{}, err
	}
	if len(l.measured) >= maxMeasured {
		clear(l.measured)
	}
	m := measured{size, info.ModTime(), int64(length), report.Head.Audio.Codec}
	l.measured[name] = m
	return m, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// sound is the decrypted audio of a recording as something that can be read and sought. It holds
// none of it: to seek, the recording is decrypted again from its start, and what lies before is
// dropped.
type sound struct {
	unseal func(io.Writer) error
	size   int64
	at     int64          // where the next Read reads
	pipe   *io.PipeReader // nil, or what unseals just now
	next   int64          // the position that pipe gives next
	ended  chan struct{}  // closed when what unsealed for pipe has ended
}

// Seek says where the next Read reads.
func (s *sound) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek to before the sound")
	}
	s.at = offset
	return offset, nil
}

func (s *sound) Read(b []byte) (int, error) {
	if s.at >= s.size {
		return 0, io.EOF
	}
	if s.pipe == nil || s.next != s.at {
		s.Close()
		s.begin()
	}
	n, err := s.pipe.Read(b)
	s.at += int64(n)
	s.next = s.at
	return n, err
}

// begin unseals from the start, into a pipe that gets what lies behind at.
func (s *sound) begin() {
	r, w := io.Pipe()
	ended := make(chan struct{})
	s.pipe, s.next, s.ended = r, s.at, ended
	from := s.at
	go func() {
		defer close(ended)
		w.CloseWithError(s.unseal(&behind{to: w, skip: from}))
	}()
}

// errClosed tells the goroutine that unseals that nobody reads any more.
var errClosed = errors.New("nobody listens any more")

// Close ends what unseals just now, and waits for it: it reads the file.
func (s *sound) Close() error {
	if s.pipe != nil {
		s.pipe.CloseWithError(errClosed)
		<-s.ended
		s.pipe = nil
	}
	return nil
}

// behind passes on what comes after the first skip bytes.
type behind struct {
	to   io.Writer
	skip int64
}

func (b *behind) Write(p []byte) (int, error) {
	drop := min(b.skip, int64(len(p)))
	b.skip -= drop
	if drop == int64(len(p)) {
		return len(p), nil
	}
	n, err := b.to.Write(p[drop:])
	return n + int(drop), err
}
