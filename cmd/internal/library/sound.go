package library

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// audio sends a recording's sound, decrypting it as it goes. Where a recording is
// damaged or not finished, that is what can be saved of it.
func (l *Library) audio(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	f, size, err := l.open(name)
	if err != nil {
		fail(w, err)
		return
	}
	defer f.Close()
	if !l.enter(w) {
		return
	}
	defer l.leave()
	unseal := func(to io.Writer) error { return l.unseal(f, size, to) }
	var length counter
	if err := unseal(&length); err != nil && length == 0 {
		http.Error(w, "it can't be opened with the key that is here: "+err.Error(), http.StatusForbidden)
		return
	}
	s := &sound{unseal: unseal, size: int64(length)}
	defer s.Close()
	w.Header().Set("Content-Type", soundTypes[""])
	http.ServeContent(w, r, "", time.Time{}, s)
}

// sound is the decrypted audio of a recording as something that can be read and
// sought. It holds none of it: to seek, the recording is decrypted again from
// its start, and what lies before is dropped.
type sound struct {
	unseal func(io.Writer) error
	size   int64
	at     int64          // where the next Read reads
	pipe   *io.PipeReader // nil, or what unseals just now
	next   int64          // the position that pipe gives next
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
	s.pipe, s.next = r, s.at
	from := s.at
	go func() { w.CloseWithError(s.unseal(&behind{to: w, skip: from})) }()
}

// errClosed tells the goroutine that unseals that nobody reads any more.
var errClosed = errors.New("nobody listens any more")

// Close ends what unseals just now.
func (s *sound) Close() error {
	if s.pipe != nil {
		s.pipe.CloseWithError(errClosed)
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

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
