package recording

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// FuzzHeader: archive/tar reads every header that the scanner accepts in the same way, and writes
// the same bytes.
func FuzzHeader(f *testing.F) {
	h, err := newHeaders(1795269802)
	if err != nil {
		f.Fatal(err)
	}
	var block [blockSize]byte
	for _, n := range sampleNames() {
		h.put(&block, n, 700)
		f.Add(bytes.Clone(block[:]), uint8(0))
	}
	f.Fuzz(func(t *testing.T, data []byte, before uint8) {
		if len(data) != blockSize {
			return
		}
		names := append(sampleNames(), name{})
		s := &scanner{last: names[int(before)%len(names)]}
		var m member
		if err := s.header(&m, data); err != nil {
			return
		}
		h, err := tar.NewReader(io.MultiReader(bytes.NewReader(data), zeros{})).Next()
		if err != nil {
			t.Fatalf("archive/tar doesn't read it: %v", err)
		}
		if h.Name != m.name.String() || h.Size != m.size || h.ModTime.Unix() != s.headers.mtime || h.Typeflag != tar.TypeReg {
			t.Fatalf("archive/tar reads %+v, we %+v", h, m)
		}
		var again bytes.Buffer
		err = tar.NewWriter(&again).WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: h.Name, Size: h.Size, Mode: 0o444,
			ModTime: time.Unix(s.headers.mtime, 0), Format: tar.FormatUSTAR})
		if err != nil || !bytes.Equal(again.Bytes(), data) {
			t.Fatalf("archive/tar writes it otherwise: %v", err)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzNote: x/mod accepts every note that we accept, with one signature, and the note is the only
// encoding of its checkpoint and signature.
func FuzzNote(f *testing.F) {
	const origin = "tacet/high-street/room-3/7q4k9mz2ha"
	signer, verifier := fuzzKey(f, origin)
	c := checkpoint{origin: origin, leaves: 12}
	msg, err := c.sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg)
	f.Add(append(bytes.Clone(msg), msg[bytes.Index(msg, []byte("\n\n"))+2:]...))
	f.Add(bytes.Replace(msg, []byte("12"), []byte("012"), 1))
	f.Fuzz(func(t *testing.T, msg []byte) {
		got, err := openNote(msg, verifier, origin)
		if err != nil {
			return
		}
		n, err := note.Open(msg, note.VerifierList(verifier))
		if err != nil || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
			t.Fatalf("note.Open: %v", err)
		}
		again, err := got.sign(signer) // Ed25519 signs the same with the same
		if err != nil || !bytes.Equal(again, msg) {
			t.Fatalf("spelt otherwise:\n%q\n%q", msg, again)
		}
	})
}

// fuzzKey is the same in every process of a fuzzing run.
func fuzzKey(t testing.TB, origin string) (note.Signer, note.Verifier) {
	skey, vkey, err := note.GenerateKey(zeros{}, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

// FuzzJSON: what is read can be written, and reads the same again.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"format":"tacet/1","id":"7q4k9mz2ha","site":"s","room":"r","started":"2026-11-21T14:03:22.417Z","clock":"synced","boot":"b",` +
		`"audio":{"codec":"opus","rate":48000,"channels":1},"parties":["room"],"notice":"","purpose":"","light":"proved","recipients":[],"unit_key":"","signing_key":"","ledger":""}`))
	f.Add([]byte(`{"reason":"interrupted","samples":12,"gaps":[{"sample":1,"samples":2}],"last":"x","cut_bytes":3,"boot":"b"}`))
	f.Add([]byte(`{"gaps":[{"sample":1,"samples":2}],"clock_steps":[{"sample":1,"seconds":-2.5}],"left_out":1}`))
	f.Add([]byte(`[{"party":"patient","act":"gave","time":"2026-11-21T14:03:21.417Z","line":"GPIO5"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > MaxJSON {
			return
		}
		if h, err := parseHead(data); err == nil {
			if _, err := newHeaders(h.Started.Unix()); err != nil {
				t.Fatalf("a head with a time that no header can hold: %v", err)
			}
			h.verifiers()
			readMe(&h)
			same(t, &h, parseHead)
		}
		if e, err := parseEnd(data); err == nil {
			same(t, &e, parseEnd)
		}
		if h, err := parseHappening(data); err == nil {
			same(t, &h, parseHappening)
		}
	})
}

func same[T any](t *testing.T, v *T, parse func([]byte) (T, error)) {
	t.Helper()
	first, err := marshalJSON(v)
	if err != nil {
		return // written anew it may be longer than is allowed
	}
	again, err := parse(first)
	if err != nil {
		t.Fatalf("%s can't be read again: %v", first, err)
	}
	second, err := json.Marshal(again)
	if err != nil {
		t.Fatal(err)
	}
	if firstAgain, _ := json.Marshal(v); !bytes.Equal(second, firstAgain) {
		t.Fatalf("%s reads as %s", first, second)
	}
}
