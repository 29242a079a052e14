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

// opened is what the format itself says that a recording sounds like.
func (s *shelf) opened(name string) []byte {
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

func TestTheSoundIsSentWholeAndInPieces(t *testing.T) {
	s := open(t, true)
	name := s.add(recordingtest.Spec{Segments: 5}, nil)
	want := s.opened(name)
	w := s.get("/" + name + "/audio")
	if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), want) {
		t.Fatalf("answer %d with %d bytes, want %d", w.Code, w.Body.Len(), len(want))
	}
	if got := w.Header().Get("Content-Type"); got != "audio/wav" {
		t.Errorf("it is said to be %s", got)
	}
	if got := w.Header().Get("Content-Length"); got != strconv.Itoa(len(want)) {
		t.Errorf("its length is said to be %s, and is %d", got, len(want))
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
		t.Errorf("behind the end: answer %d", w.Code)
	}
}

func TestWhatCanBeSavedIsPlayed(t *testing.T) {
	s := open(t, true)
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

// A recording whose head nothing proves may be anybody's who knows the public keys.
func TestWhatIsNotProvedAtAllIsNotPlayed(t *testing.T) {
	s := open(t, true)
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

func TestAStrangersRecordingIsNotPlayed(t *testing.T) {
	s, other := open(t, true), open(t, true)
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

// A recording that was written anew under its name has another length.
func TestTheLengthIsThatOfTheFileAsItIs(t *testing.T) {
	s := open(t, true)
	id := recording.NewID()
	name := s.add(recordingtest.Spec{Segments: 1, ID: id}, nil)
	first := s.get("/" + name + "/audio").Body.Len()
	s.add(recordingtest.Spec{Segments: 3, ID: id}, nil)
	if w := s.get("/" + name + "/audio"); w.Body.Len() <= first || !bytes.Equal(w.Body.Bytes(), s.opened(name)) {
		t.Errorf("%d bytes, and %d before", w.Body.Len(), first)
	}
}

// However it is sought and read, a sound gives what lies there.
func TestSoundReadsWhereItWasSought(t *testing.T) {
	want := make([]byte, 100_000)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range want {
		want[i] = byte(random.Uint32())
	}
	unsealing := 0
	s := &sound{size: int64(len(want)), unseal: func(w io.Writer) error {
		unsealing++
		defer func() { unsealing-- }()
		for rest := want; len(rest) > 0; {
			n := min(4000, len(rest))
			if _, err := w.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
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
			t.Fatalf("%d bytes at %d are others", n, at)
		}
		at += n
	}
	s.Close()
	if unsealing != 0 {
		t.Error("somebody still unseals")
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("it can be read before its start")
	}
}

func TestNoMoreStreamsThanThereIsRoomFor(t *testing.T) {
	s := open(t, true)
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
		t.Errorf("with room: answer %d", w.Code)
	}
	if len(s.streams) != maxStreams-1 {
		t.Error("a place was not given back")
	}
}
