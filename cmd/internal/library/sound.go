package library

import (
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"tacet/daemon/recording"
)

// mediaTypes are the media types of the codecs.
var mediaTypes = map[string]string{"opus": "audio/ogg; codecs=opus", "flac": "audio/flac", "wav": "audio/wav"}

// audio decrypts a recording and sends its sound. From a damaged or unfinished recording it sends
// what can be saved.
func (l *Library) audio(w http.ResponseWriter, r *http.Request) {
	f, size, release := l.acquire(w, r)
	if f == nil {
		return
	}
	defer release()
	m, err := measured{}, recording.ErrIdentity
	if len(l.options.Identities) > 0 {
		m, err = l.measure(r.PathValue("file"), f, size)
	}
	switch {
	case errors.Is(err, recording.ErrIdentity):
		http.Error(w, "no key here opens it", http.StatusForbidden)
		return
	case errors.Is(err, errUnproved):
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	case err != nil:
		fail(w, err)
		return
	}
	s := &sound{size: m.length, decrypt: func(to io.Writer) error { _, err := l.decrypt(f, size, to); return err }}
	defer s.Close()
	w.Header().Set("Content-Type", mediaTypes[m.codec])
	http.ServeContent(w, r, "", time.Time{}, s)
}

// errUnproved refuses a recording that anybody could have made who knows the public keys.
var errUnproved = errors.New("nothing proves that a unit made it")

// decrypt writes the sound of the first size bytes of a recording.
func (l *Library) decrypt(f *os.File, size int64, to io.Writer) (*recording.Report, error) {
	return recording.Open(f, size, to,
		recording.Opening{Identities: l.options.Identities, Accept: func(r *recording.Report) error {
			if r.State != recording.Foreign && !r.HeadProved {
				return errUnproved
			}
			return nil
		}})
}

// measured is what a player must know before the first byte of sound.
type measured struct {
	size     int64 // of the file at that time
	modified time.Time
	length   int64 // of the sound, in bytes
	codec    string
}

// measure finds out how long the sound is, by decrypting it once. It caches the result, because a
// player asks for one range after another.
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
	var length byteCounter
	report, err := l.decrypt(f, size, &length)
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

// byteCounter counts the bytes written to it.
type byteCounter int64

func (c *byteCounter) Write(p []byte) (int, error) {
	*c += byteCounter(len(p))
	return len(p), nil
}

// sound is the decrypted sound of a recording, as an io.ReadSeeker. It buffers nothing: to seek, it
// decrypts the recording again from the start and skips.
type sound struct {
	decrypt func(io.Writer) error
	size    int64
	at      int64          // position of the next Read
	pipe    *io.PipeReader // from the decrypting goroutine; nil if none runs
	next    int64          // position of the next byte from pipe
	ended   chan struct{}  // closed when that goroutine has ended
}

// Seek sets the position of the next Read.
func (s *sound) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
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
		s.start()
	}
	n, err := s.pipe.Read(b)
	s.at += int64(n)
	s.next = s.at
	return n, err
}

// start decrypts from the start, into a pipe that gets what follows position at.
func (s *sound) start() {
	r, w := io.Pipe()
	ended := make(chan struct{})
	s.pipe, s.next, s.ended = r, s.at, ended
	from := s.at
	go func() {
		defer close(ended)
		w.CloseWithError(s.decrypt(&skipWriter{to: w, skip: from}))
	}()
}

// errClosed stops the decrypting goroutine.
var errClosed = errors.New("closed")

// Close stops the decrypting goroutine, which reads the file, and waits for it.
func (s *sound) Close() error {
	if s.pipe != nil {
		s.pipe.CloseWithError(errClosed)
		<-s.ended
		s.pipe = nil
	}
	return nil
}

// skipWriter drops the first skip bytes.
type skipWriter struct {
	to   io.Writer
	skip int64
}

func (b *skipWriter) Write(p []byte) (int, error) {
	drop := min(b.skip, int64(len(p)))
	b.skip -= drop
	if drop == int64(len(p)) {
		return len(p), nil
	}
	n, err := b.to.Write(p[drop:])
	return n + int(drop), err
}
