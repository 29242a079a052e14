package library

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// opened returns the sound as package recording opens it.
func (s *fixture) opened(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	var sound bytes.Buffer
	o := recording.Opening{Identities: s.options.Identities}
	if _, err := recording.Open(bytes.NewReader(data), int64(len(data)), &sound, o); err != nil {
		s.t.Fatal(err)
	}
	return sound.Bytes()
}

func TestSoundIsServedWholeAndInRanges(t *testing.T) {
	s := newFixture(t, true)
	name := s.add(recordingtest.Spec{Segments: 5}, nil)
	want := s.opened(name)
	w := s.get("/" + name + "/audio")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) {
		t.Fatalf("answer %d with %d bytes, want %d", w.Code, w.Body.Len(), len(want))
	}
	if got := w.Header().Get("Content-Type"); got != "audio/wav" {
		t.Errorf("its type is %s", got)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(want)) {
		t.Errorf("its length is %s, want %d", got, len(want))
	}
	n := len(want)
	for _, c := range []struct {
		ask  string
		want []byte
	}{
		{"bytes=0-", want},
		{"bytes=0-0", want[:1]},
		{"bytes=43-45", want[43:46]}, // across the header's end
		{"bytes=20000-50000", want[20000:50001]},
		{"bytes=" + strconv.Itoa(n-7) + "-", want[n-7:]},
		{"bytes=-100", want[n-100:]},
	} {
		w := s.get("/"+name+"/audio", "Range: "+c.ask)
		if w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), c.want) {
			t.Errorf("%s: answer %d with %d bytes, want %d", c.ask, w.Code, w.Body.Len(), len(c.want))
		}
	}
	if w := s.get("/"+name+"/audio",
		"Range: bytes="+strconv.Itoa(n)+"-"); w.Code != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("after the end: answer %d", w.Code)
	}
}

func TestDamagedSoundIsServed(t *testing.T) {
	s := newFixture(t, true)
	for what, name := range map[string]string{
		"damaged":    s.add(recordingtest.Spec{Segments: 4}, flip),
		"unfinished": s.add(recordingtest.Spec{Segments: 3, Cut: true}, nil),
	} {
		w := s.get("/" + name + "/audio")
		if want := s.opened(name); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) || len(want) == 0 {
			t.Errorf("%s: answer %d with %d bytes, want %d", what, w.Code, w.Body.Len(), len(want))
		}
	}
}

// Anybody who knows the public keys can make a recording without a proved head.
func TestUnprovedRecordingIsNotServed(t *testing.T) {
	s := newFixture(t, true)
	name := s.add(recordingtest.Spec{Segments: 4}, func(data []byte) []byte {
		at := bytes.Index(data, []byte("recording.note\x00")) + 512
		copy(data[at+bytes.LastIndexByte(data[at:at+512], ' ')+20:], "AAAAAAAA") // in its signature
		return data
	})
	if w := s.get("/" + name + "/audio"); w.Code != http.StatusForbidden ||
		!strings.Contains(w.Body.String(), "nothing proves") {
		t.Errorf("answer %d: %.100q", w.Code, w.Body)
	}
}

func TestRecordingForAnotherOfficeIsNotServed(t *testing.T) {
	s, other := newFixture(t, true), newFixture(t, true)
	name := other.add(recordingtest.Spec{Segments: 1}, nil)
	data, err := os.ReadFile(filepath.Join(other.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	s.write(name, data)
	if w := s.get("/" + name + "/audio"); w.Code != http.StatusForbidden {
		t.Errorf("answer %d", w.Code)
	}
}

// When a recording has been replaced, its new length counts.
func TestLengthAfterAReplacement(t *testing.T) {
	s := newFixture(t, true)
	id := recording.NewID()
	name := s.add(recordingtest.Spec{Segments: 1, ID: id}, nil)
	first := s.get("/" + name + "/audio").Body.Len()
	s.add(recordingtest.Spec{Segments: 3, ID: id}, nil)
	if w := s.get("/" + name + "/audio"); w.Body.Len() <= first || !bytes.Equal(w.Body.Bytes(), s.opened(name)) {
		t.Errorf("%d bytes, %d before", w.Body.Len(), first)
	}
}

// After any seeks and reads, a sound returns the right bytes.
func TestSoundSeeks(t *testing.T) {
	want := make([]byte, 100_000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	running := 0
	s := &sound{size: int64(len(want)), decrypt: func(w io.Writer) error {
		running++
		defer func() { running-- }()
		for left := want; len(left) > 0; {
			n := min(4000, len(left))
			if _, err := w.Write(left[:n]); err != nil {
				return err
			}
			left = left[n:]
		}
		return nil
	}}
	at := 0
	for range 200 {
		if random.IntN(2) == 0 {
			at = random.IntN(len(want))
			if _, err := s.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
		}
		got := make([]byte, random.IntN(10_000))
		n, err := io.ReadFull(s, got)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		if !bytes.Equal(got[:n], want[at:at+n]) || n < len(got) && at+n != len(want) {
			t.Fatalf("%d bytes at %d are wrong", n, at)
		}
		at += n
	}
	s.Close()
	if running != 0 {
		t.Error("a goroutine still decrypts")
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("it can seek before its start")
	}
}

func TestMaxStreams(t *testing.T) {
	s := newFixture(t, true)
	name := s.add(recordingtest.Spec{Segments: 1}, nil)
	for range maxStreams {
		s.streams <- struct{}{}
	}
	for _, path := range []string{"/audio", "/verify"} {
		if w := s.get("/" + name + path); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: answer %d", path, w.Code)
		}
	}
	<-s.streams
	if w := s.get("/" + name + "/audio"); w.Code != 200 {
		t.Errorf("with a free place: answer %d", w.Code)
	}
	if len(s.streams) != maxStreams-1 {
		t.Error("a place was not released")
	}
}
