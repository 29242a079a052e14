package recording_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// A killing is a recording by a process that is killed: what is on the disk, and the tails that it kept while it wrote.
type killing struct {
	recordingtest.Unit
	office recordingtest.Office
	spec   recordingtest.Spec
	head   []byte
	pieces [][]byte // segment n is pieces[n-1]
	tails  [][]byte // tails[n] goes on behind segment n
	sound  []byte   // all that was said, and half a second more, as it is opened
}

const half = 4000 // samples in a tail

func kill(t testing.TB, segments int) *killing {
	t.Helper()
	k := &killing{Unit: recordingtest.NewUnit(t, "high-street", "room-3"), office: recordingtest.NewOffice(t, recordingtest.Classic)}
	k.spec = recordingtest.Spec{Unit: k.Unit, For: []string{k.office.Recipient}}
	k.again(t, segments)
	return k
}

// again makes another recording by the same unit.
func (k *killing) again(t testing.TB, segments int) {
	t.Helper()
	s := recordingtest.NewSealer(t, k.spec)
	h := s.Head()
	k.pieces, k.tails, k.sound = nil, nil, wav.Header(8000, 1, int64(segments*8000+half)*2)
	var err error
	if k.head, err = s.Begin(recordingtest.Consent); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= segments+1; n++ {
		data := recordingtest.Sound(h.Audio, h.ID, n, segments+1)
		plain := bytes.TrimPrefix(data, wav.Header(8000, 1, wav.Unknown))
		before := s.Checkpoint()
		tail, err := s.Tail(data[:len(data)-half*2], half, &recording.Happening{Gaps: []recording.Gap{{Sample: int64(n-1) * 8000, Samples: 10}}})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, s.Checkpoint()) {
			t.Fatal("making a tail has moved the recording on")
		}
		k.tails = append(k.tails, tail)
		if n > segments {
			k.sound = append(k.sound, plain[:half*2]...)
			return
		}
		piece, err := s.Segment(data, nil)
		if err != nil {
			t.Fatal(err)
		}
		k.pieces, k.sound = append(k.pieces, piece), append(k.sound, plain...)
	}
}

// file is what is on the disk after n segments.
func (k *killing) file(n int) []byte {
	return slices.Concat(append([][]byte{k.head}, k.pieces[:n]...)...)
}

// restart is the next start: it checks what no tail may break, and returns what became of the file.
func (k *killing) restart(t testing.TB, file, tail []byte) ([]byte, recording.Recovered) {
	t.Helper()
	var out bytes.Buffer
	rec, err := recording.RecoverWithTail(bytes.NewReader(file), int64(len(file)), tail, &out, k.Signer, "boot-2")
	if err != nil {
		t.Fatal(err)
	}
	rep := verify(t, out.Bytes(), k.VKey)
	if rep.State != recording.Interrupted || !rep.Vouched || rep.Segments != rec.Segments || !bytes.HasPrefix(out.Bytes(), file[:rec.Kept]) {
		t.Fatalf("%v, %s; recovered %+v", rep.State, rep.Why, rec)
	}
	if want := rec.Segments * 8000; rep.End.Samples != want && rep.End.Samples != want-half {
		t.Fatalf("it says that it has %d samples in %d segments", rep.End.Samples, rec.Segments)
	}
	return out.Bytes(), rec
}

// What a killed process had in its tail is in the recording, which opens as one.
func TestTail(t *testing.T) {
	k := kill(t, 3)
	for _, torn := range []int{0, 1, 700} { // what was written in part of the next segment
		file := k.file(3)
		if torn > 0 {
			file = append(file, k.tails[3][:torn]...) // as good as any bytes
		}
		out, rec := k.restart(t, file, k.tails[3])
		if rec.Tail != 1 || rec.Segments != 4 || rec.End.Samples != 3*8000+half || len(rec.End.Gaps) != 1 || rec.Cut != int64(torn) {
			t.Fatalf("recovered %+v", rec)
		}
		sound, rep, err := open(out, k.office.Identity)
		if err != nil || !bytes.Equal(sound, k.sound) || rep.Sound.Samples != rec.End.Samples {
			t.Fatalf("it opens as %d bytes, want %d; %v, %+v", len(sound), len(k.sound), err, rep.Sound)
		}
		// The next start, if this one did not get to the end.
		if again, _, err := recoverFile(out, k.Unit); err != nil || len(again) > 0 {
			t.Errorf("a second recovery: %v", err)
		}
	}
	none, rec := k.restart(t, k.file(0), k.tails[0])
	if _, rep, err := open(none, k.office.Identity); err != nil || rec.Tail != 1 || rep.Sound.Samples != half {
		t.Errorf("killed in the first second: %+v, %v", rec, err)
	}
}

// A disk that is slow has not taken some segments: they stand in the tail before the running second.
func TestTailOfSeveral(t *testing.T) {
	k := kill(t, 5)
	for from := range 6 {
		tail := slices.Concat(append(slices.Clone(k.pieces[from:]), k.tails[5])...)
		for has := range 6 {
			out, rec := k.restart(t, k.file(has), tail)
			if has < from {
				if rec.Tail != 0 || rec.Segments != int64(has) {
					t.Errorf("with a hole: %+v", rec)
				}
				continue
			}
			sound, _, err := open(out, k.office.Identity)
			if err != nil || !bytes.Equal(sound, k.sound) || rec.Tail != int64(6-has) {
				t.Errorf("%d segments on disk, a tail from %d on: %+v, %v", has, from+1, rec, err)
			}
		}
	}
}

// No tail but the one that goes on where the file ends adds anything.
func TestTailsThatAreIgnored(t *testing.T) {
	k := kill(t, 3)
	file, tail := k.file(3), k.tails[3]
	other := *k
	other.again(t, 3)
	foreign := kill(t, 3)
	end := closed(t, k.Unit, file)[len(file):]
	whole, _ := k.restart(t, file, nil)
	for name, tail := range map[string][]byte{
		"nothing":                      nil,
		"of another recording":         other.tails[3],
		"of another unit's":            foreign.tails[3],
		"older, and in the file":       k.tails[2],
		"a segment that is in it":      k.pieces[2],
		"the head":                     k.head,
		"the whole file":               file,
		"an end":                       end,
		"behind something else":        append([]byte("x"), tail...),
		"without its note":             tail[:bytes.Index(tail, []byte("000004.note"))],
		"without what happened":        tail[bytes.Index(tail, []byte("000004.age")):],
		"zeros":                        make([]byte, 100_000),
		"huge":                         slices.Concat(tail, make([]byte, recording.MaxTail)),
		"of the segment after the one": renumber(t, tail, "000004", "000005"),
		"another's, under its number":  renumber(t, k.tails[2], "000003", "000004"),
	} {
		t.Run(name, func(t *testing.T) {
			if out, rec := k.restart(t, file, tail); rec.Tail != 0 || !bytes.Equal(out[:len(file)], whole[:len(file)]) || rec.Segments != 3 || rec.End.Samples != 24000 {
				t.Errorf("recovered %+v", rec)
			}
		})
	}
	// Behind a tail that is good nothing else is taken.
	ended, _ := k.restart(t, file, tail)
	for name, more := range map[string][]byte{"its end": ended[len(file)+len(tail):], "rubbish": []byte(strings.Repeat("rubbish ", 100)), "an end": end, "itself": tail, "another's": other.tails[3], "zeros": make([]byte, 1024)} {
		if _, rec := k.restart(t, file, slices.Concat(tail, more)); rec.Tail != 1 || rec.Segments != 4 {
			t.Errorf("%s behind it: %+v", name, rec)
		}
	}
	// A recording that has its end gets no tail.
	var out bytes.Buffer
	if rec, err := recording.RecoverWithTail(bytes.NewReader(whole), int64(len(whole)), tail, &out, k.Signer, "boot-3"); err != nil || !rec.Intact || out.Len() > 0 {
		t.Errorf("with an end: %+v, %v", rec, err)
	}
	short := whole[:len(whole)-1024]
	if rec, err := recording.RecoverWithTail(bytes.NewReader(short), int64(len(short)), tail, &out, k.Signer, "boot-3"); err != nil || !rec.Completed || !bytes.Equal(out.Bytes(), whole) {
		t.Errorf("with an end but for the zeros: %+v, %v", rec, err)
	}
}

// renumber gives the members of a tail other names, and headers that are right for them.
func renumber(t testing.TB, tail []byte, from, to string) []byte {
	t.Helper()
	tail = bytes.Clone(tail)
	for _, m := range members(t, slices.Concat(tail, make([]byte, 1024))) {
		if strings.HasPrefix(m.name, from) {
			copy(tail[bytes.Index(tail, m.bytes[:512]):], renamed(m.bytes, strings.Replace(m.name, from, to, 1))[:512])
		}
	}
	return tail
}

// Wherever a tail is torn, and whichever of its bytes is altered: it adds what it is, or nothing.
func TestTailTornAndAltered(t *testing.T) {
	k := kill(t, 2)
	file, tail := k.file(2), k.tails[2]
	for _, n := range lengths(len(tail) - 1) {
		if _, rec := k.restart(t, file, tail[:n]); rec.Tail != 0 {
			t.Fatalf("torn at %d of %d: it was taken", n, len(tail))
		}
	}
	for at := 0; at < len(tail); at += 1 + at%23 {
		if _, rec := k.restart(t, file, altered(tail, at)); rec.Tail != 0 {
			t.Fatalf("altered at %d of %d: it was taken", at, len(tail))
		}
	}
}

// FuzzTail: no tail makes recovery fail, panic, or take what is not the recording's.
func FuzzTail(f *testing.F) {
	k := kill(f, 3)
	file, good := k.file(2), slices.Concat(k.pieces[2], k.tails[3])
	for _, seed := range [][]byte{good, k.tails[2], k.pieces[2], k.tails[3], k.head, k.file(3), {}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tail []byte) {
		out, rec := k.restart(t, file, tail)
		added := out[len(file):]
		if rec.Tail > 0 && !bytes.HasPrefix(added, k.pieces[2]) && !bytes.HasPrefix(added, k.tails[2]) {
			t.Fatal("something was added that the recorder has not sealed")
		}
	})
}

// Random changes of good tails: bytes, lengths, pieces left out, doubled and exchanged.
func TestTailMutations(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	k := kill(t, 3)
	file := k.file(1)
	good := slices.Concat(k.pieces[1], k.pieces[2], k.tails[3])
	allowed := [][]byte{good, slices.Concat(k.pieces[1], k.tails[2]), k.tails[1]}
	sources := [][]byte{k.head, k.pieces[0], k.pieces[1], k.pieces[2], k.tails[0], k.tails[1], k.tails[2], k.tails[3]}
	for range 1000 {
		tail := bytes.Clone(good)
		for range 1 + random.IntN(3) {
			at := random.IntN(len(tail) + 1)
			switch random.IntN(5) {
			case 0:
				tail = tail[:at]
			case 1:
				tail = slices.Insert(tail, at/512*512, sources[random.IntN(len(sources))]...)
			case 2:
				tail = tail[at/512*512:]
			case 3:
				binary.LittleEndian.PutUint32(append(tail, 0, 0, 0, 0)[at:], random.Uint32())
			case 4:
				tail = slices.Concat(tail[:at/512*512], tail[min(len(tail), (at+random.IntN(4096))/512*512):])
			}
		}
		out, rec := k.restart(t, file, tail)
		n := bytes.Index(out, fmt.Appendf(nil, "end.json\x00"))
		added := out[len(file):n]
		if !slices.ContainsFunc(allowed, func(a []byte) bool { return bytes.HasPrefix(a, added) }) {
			t.Fatalf("%d bytes were added that nobody has sealed: %+v", len(added), rec)
		}
	}
}
