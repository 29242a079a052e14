package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

func recoverFile(file []byte, u recordingtest.Unit) ([]byte, recording.Recovered, error) {
	var out bytes.Buffer
	rec, err := recording.Recover(bytes.NewReader(file), int64(len(file)), &out, u.Signer, "boot-2")
	return out.Bytes(), rec, err
}

// ends returns the end of each member, by name.
func ends(t testing.TB, file []byte) (list []struct {
	name string
	at   int
}) {
	at := 0
	for _, m := range members(t, file) {
		at += len(m.bytes)
		list = append(list, struct {
			name string
			at   int
		}{m.name, at})
	}
	return list
}

// TestRecoverEveryLength is promise 5: wherever a power cut ends the file, everything up to the
// last note is kept, and the file is closed as interrupted; if its end was written, it is whole.
func TestRecoverEveryLength(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	file := small(t, u, o)
	places := ends(t, file)
	for _, n := range lengths(len(file)) {
		last, segments, ended := 0, int64(-1), false
		for _, p := range places {
			if p.at > n || !strings.HasSuffix(p.name, ".note") {
				continue
			}
			last, ended = p.at, p.name == "end.note"
			if !ended {
				segments++
			}
		}
		out, rec, err := recoverFile(file[:n], u)
		if last == 0 {
			if !errors.Is(err, recording.ErrNoHead) || len(out) > 0 {
				t.Fatalf("cut to %d, without a head: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut to %d: %v", n, err)
		}
		if rec.Intact != (n == len(file)) || rec.Completed != (ended && !rec.Intact) || rec.Beyond {
			t.Fatalf("cut to %d: %+v", n, rec)
		}
		if rec.Intact {
			out = file
		}
		rep := verify(t, out, u.VKey)
		want := recording.Interrupted
		if ended {
			want = recording.Whole
		}
		if rep.State != want || rep.Segments != segments || !rep.Vouched {
			t.Fatalf("cut to %d: %v with %d segments, want %v with %d (%s)", n, rep.State, rep.Segments, want, segments, rep.Why)
		}
		if !bytes.HasPrefix(out, file[:last]) {
			t.Fatalf("cut to %d: what was there is not kept", n)
		}
		if ended {
			if !bytes.Equal(out, file) {
				t.Fatalf("cut to %d: not completed as it was", n)
			}
			continue
		}
		e := rep.End
		if e.CutBytes != int64(n-last) || e.Boot != "boot-2" || e.Samples != segments*8000 || rec.Segments != segments {
			t.Fatalf("cut to %d: %+v", n, e)
		}
		if gaps := segments >= 2; gaps != (len(e.Gaps) == 1) {
			t.Fatalf("cut to %d with %d segments: gaps %v", n, segments, e.Gaps)
		}
		if head, _, _ := strings.Cut(e.Last, "\n"); head != rep.Head.Origin() {
			t.Fatalf("cut to %d: last checkpoint %q", n, e.Last)
		}
	}
}

// TestEndSaysAll: end.json has its fields even if they are empty.
func TestEndSaysAll(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 1}
	cut := spec
	cut.Cut = true
	for want, file := range map[string][]byte{
		`{"reason":"withdrawn","samples":8000,"gaps":[]}`: recordingtest.Make(t, spec),
		`{"reason":"interrupted","samples":8000,"gaps":[],"last":…,"boot":…,"cut_bytes":0}`: closed(t, u,
			recordingtest.Make(t, cut)),
		`{"reason":"interrupted","samples":8000,"gaps":[],"last":…,"boot":…,"cut_bytes":700}`: closed(t, u,
			append(recordingtest.Make(t, cut), bytes.Repeat([]byte("x"), 700)...)),
	} {
		list := members(t, file)
		content := bytes.TrimRight(list[find(t, list, "end.json")].bytes[512:], "\x00\n")
		got := regexp.MustCompile(`"(last|boot)":"[^"]*"`).ReplaceAllString(string(content), `"$1":…`)
		if got != want {
			t.Errorf("end.json is %s, want %s", got, want)
		}
	}
}

// TestRecoverRubbish: the remains of a torn write are cut off.
func TestRecoverRubbish(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	whole := small(t, u, o)
	cut := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 3, Cut: true,
		Sound: func(n int) []byte { return []byte{byte(n)} }})
	torn := slices.Clone(cut)
	torn[len(torn)-512+150] ^= 1 // in the last note's signature
	for name, c := range map[string]struct {
		file     []byte
		segments int64
		beyond   bool
	}{
		"nothing":                      {cut, 3, false},
		"zeros":                        {append(slices.Clone(cut), make([]byte, 7000)...), 3, false},
		"an end that is none":          {append(slices.Clone(cut), make([]byte, 1024)...), 3, false},
		"rubbish":                      {append(slices.Clone(cut), bytes.Repeat([]byte("rubbish "), 1000)...), 3, false},
		"another recording's end":      {append(slices.Clone(cut), whole[len(whole)-5000:]...), 3, false},
		"a last note that is torn":     {torn, 2, false},
		"rubbish after a good end":     {append(slices.Clone(whole[:len(whole)-1024]), "rubbish"...), 2, false},
		"a hole, and good notes after": {altered(cut, len(cut)-2048-600), 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			out, rec, err := recoverFile(c.file, u)
			if err != nil {
				t.Fatal(err)
			}
			rep := verify(t, out, u.VKey)
			if !rep.State.Complete() || rep.Segments != c.segments {
				t.Errorf("%v with %d segments, want %d (%s)", rep.State, rep.Segments, c.segments, rep.Why)
			}
			if rec.Beyond != c.beyond {
				t.Errorf("Beyond is %v", rec.Beyond)
			}
		})
	}
}

func altered(file []byte, at int) []byte {
	file = slices.Clone(file)
	file[at] ^= 1
	return file
}

// TestRecoverAltered: whatever byte is altered, the result of Recover verifies, and keeps
// everything up to the last note before that byte.
func TestRecoverAltered(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	file := small(t, u, o)
	places := ends(t, file)
	for at := 0; at < len(file); at += 13 {
		kept := 0
		for _, p := range places {
			if p.at <= at && strings.HasSuffix(p.name, ".note") {
				kept = p.at
			}
		}
		out, rec, err := recoverFile(altered(file, at), u)
		if errors.Is(err, recording.ErrNoHead) && kept == 0 {
			continue
		}
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if int(rec.Kept) < kept {
			t.Fatalf("byte %d: %d bytes kept of the %d before it", at, rec.Kept, kept)
		}
		if rep := verify(t, out, u.VKey); !rep.State.Complete() || !rep.Vouched {
			t.Fatalf("byte %d: %v, %s", at, rep.State, rep.Why)
		}
	}
}

func TestRecoverRefuses(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	cut := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 1, Cut: true})
	if _, rec, err := recoverFile(cut, recordingtest.NewUnit(t, "high-street", "room-3")); !errors.Is(err,
		recording.ErrOtherUnit) || rec.Head.ID == "" {
		t.Errorf("another unit: %v", err)
	}
	for name, file := range map[string][]byte{"empty": {}, "foreign": []byte(strings.Repeat("x", 9999)),
		"zeros": make([]byte, 9999)} {
		if _, _, err := recoverFile(file, u); !errors.Is(err, recording.ErrNoHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("the disk is gone")
	if _, err := recording.Recover(failing{bytes.NewReader(cut), broken}, int64(len(cut)), new(bytes.Buffer), u.Signer,
		""); !errors.Is(err, broken) {
		t.Errorf("a failing disk: %v", err)
	}
	if _, err := recording.Recover(bytes.NewReader(cut), int64(len(cut)), failingWriter{broken}, u.Signer,
		""); !errors.Is(err, broken) {
		t.Errorf("a full disk: %v", err)
	}
}

// failing is a file of which the second half can't be read.
type failing struct {
	*bytes.Reader
	err error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.Size()/2 {
		return 0, f.err
	}
	return f.Reader.ReadAt(p, off)
}

type failingWriter struct{ err error }

func (f failingWriter) Write([]byte) (int, error) { return 0, f.err }

// TestZeroSegments: a recording that ended, or was cut off, before its first second.
func TestZeroSegments(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	whole := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}})
	if rep := verify(t, whole, u.VKey); rep.State != recording.Whole || rep.Segments != 0 || rep.Length() != 0 {
		t.Errorf("ended: %v, %d segments", rep.State, rep.Segments)
	}
	cut := recordingtest.Make(t, recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Cut: true})
	if rep := verify(t, cut, u.VKey); rep.State != recording.Unfinished || rep.Bytes != int64(len(cut)) || !rep.Vouched {
		t.Errorf("cut off: %v, %s", rep.State, rep.Why)
	}
	out, _, err := recoverFile(cut, u)
	if err != nil {
		t.Fatal(err)
	}
	if rep := verify(t, out, u.VKey); rep.State != recording.Interrupted || rep.Segments != 0 {
		t.Errorf("recovered: %v, %s", rep.State, rep.Why)
	}
}

// TestManyGaps: the gaps of a broken microphone never stop a recording from being closed.
func TestManyGaps(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	h := &recording.Happening{}
	for i := range 2000 {
		h.Gaps = append(h.Gaps, recording.Gap{Sample: 190_000_000_000 + int64(i), Samples: 190_000_000_000})
		h.ClockSteps = append(h.ClockSteps, recording.ClockStep{Sample: 190_000_000_000, Seconds: -1234567.123456789})
	}
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Segments: 2,
		Happened: map[int]*recording.Happening{1: h, 2: h}, Sound: func(n int) []byte { return fmt.Append(nil, n) }}
	whole := verify(t, recordingtest.Make(t, spec), u.VKey)
	if whole.State != recording.Whole {
		t.Fatalf("%v, %s", whole.State, whole.Why)
	}
	spec.Cut = true
	out, _, err := recoverFile(recordingtest.Make(t, spec), u)
	if err != nil {
		t.Fatal(err)
	}
	cut := verify(t, out, u.VKey)
	for _, rep := range []*recording.Report{whole, cut} {
		if e := rep.End; len(e.Gaps) == 0 || len(e.Gaps)+int(e.LeftOut) < 4000 {
			t.Errorf("%v: %d gaps and %d left out are not all", rep.State, len(e.Gaps), e.LeftOut)
		}
	}
}
