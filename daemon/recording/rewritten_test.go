package recording_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// A rewriting is a recording, and what somebody replaces it by while it is read. Both have the same
// bytes except for some members, so that members can be replaced one by one.
type rewriting struct {
	name    string
	unit    recordingtest.Unit
	office  recordingtest.Office
	audio   recording.Audio
	id      string
	seconds int
	a, b    []byte
	honest  recording.Head // of the recording that the unit made
	// forged are the seconds that are not the unit's in a, b or any mixture of them.
	forged []int64
}

// audios are the formats in which forgeries are tried. One makes a file larger than a reader's
// buffer.
var audios = []recording.Audio{wavAudio, flacAudio, opusAudio}

// liar signs with the name of a key that it doesn't have.
type liar struct{ note.Signer }

func (l liar) Sign(msg []byte) ([]byte, error) {
	sig, err := l.Signer.Sign(msg)
	sig[7] ^= 1
	return sig, err
}

// rewritings makes the forgeries of a recording by which somebody may try to pass off one part as
// another.
func rewritings(t testing.TB, a recording.Audio) []rewriting {
	return rewritingsOf(t, recordingtest.Spec{Audio: a, Segments: 24})
}

func rewritingsOf(t testing.TB, spec recordingtest.Spec) []rewriting {
	t.Helper()
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	a, seconds := spec.Audio, spec.Segments
	spec.Unit, spec.For, spec.ID, spec.Started = u, []string{o.Recipient}, recording.NewID(), recordingtest.Started
	genuine := recordingtest.Make(t, spec)
	list := members(t, genuine)

	// Seconds swapped, and the notes' texts rewritten, with somebody's signatures.
	swapped := slices.Clone(list)
	from, to := find(t, list, "000005.age"), find(t, list, "000009.age")
	swapped[from].bytes, swapped[to].bytes = renamed(list[to].bytes, "000005.age"), renamed(list[from].bytes, "000009.age")
	swapped = retold(t, swapped)

	// Another recording with the same name, by the forger: everything is signed well, except the
	// head.
	lying := spec
	lying.Unit.Signer = liar{u.Signer}
	lying.Sound = func(n int) []byte {
		if spec.Sound != nil {
			return spec.Sound(n)
		}
		b := recordingtest.Sound(a, spec.ID, n, seconds)
		if a.Codec == "wav" {
			b[len(b)-1] ^= 1
		}
		return b
	}
	another := members(t, recordingtest.Make(t, lying))

	// The same recording, with another value for the light.
	told := slices.Clone(list)
	i := find(t, list, "recording.json")
	told[i].bytes = bytes.Replace(list[i].bytes, []byte("Your own record"), []byte("Our own records"), 1)

	notes := func(name string) bool { return strings.HasSuffix(name, ".note") }
	head := func(name string) bool {
		return slices.Contains([]string{"READ-ME.txt", "recording.json", "key.age", "consent.age", "recording.note"}, name)
	}
	end := func(name string) bool { return strings.HasPrefix(name, "end.") }
	segments := func(name string) bool { return strings.HasSuffix(name, ".age") && !head(name) && !end(name) }
	all := func(string) bool { return true }
	h := recording.Head{}
	if rep := verify(t, genuine, u.VKey); rep.State != recording.Whole || !rep.Vouched {
		t.Fatalf("the genuine one is %v: %s", rep.State, rep.Why)
	} else {
		h = rep.Head
	}
	exchanged, every := []int64{5, 9}, []int64{}
	for n := range int64(seconds) {
		every = append(every, n+1)
	}
	var made []rewriting
	for _, c := range []struct {
		name      string
		file      []member
		parts     func(string) bool // what changes; all else stays forged
		forgeries []int64
	}{
		{"end.note of exchanged seconds", swapped, func(n string) bool { return n == "end.note" }, exchanged},
		{"the notes of exchanged seconds", swapped, notes, exchanged},
		{"the end of exchanged seconds", swapped, end, exchanged},
		{"exchanged seconds", swapped, segments, nil},
		{"exchanged seconds and their notes", swapped, all, nil},
		{"recording.note of another recording", another, func(n string) bool { return n == "recording.note" }, every},
		{"recording.json of another recording", another, func(n string) bool { return n == "recording.json" }, every},
		{"the head of another recording", another, head, every},
		{"the notes of another recording", another, notes, every},
		{"the end of another recording", another, end, every},
		{"the seconds of another recording", another, segments, every},
		{"another recording", another, all, nil},
		{"recording.json that says something else", told, head, nil},
	} {
		mixed := slices.Clone(c.file)
		for i := range mixed {
			if c.parts(mixed[i].name) {
				mixed[i] = list[i]
			}
		}
		forged, other := join(c.file), join(mixed)
		if len(forged) != len(other) || bytes.Equal(forged, other) {
			t.Fatalf("%s: %d and %d bytes", c.name, len(forged), len(other))
		}
		for _, order := range []struct {
			name string
			a, b []byte
		}{{"first the forged", forged, other}, {"first the genuine", other, forged}} {
			made = append(made, rewriting{a.Codec + ", " + c.name + ", " + order.name, u, o, a, spec.ID, seconds, order.a,
				order.b, h, c.forgeries})
		}
	}
	return made
}

// retold rewrites the notes' texts to agree with what stands before them. The signatures stay, and
// are wrong for all.
func retold(t testing.TB, list []member) []member {
	t.Helper()
	list = slices.Clone(list)
	var leaves []tlog.Hash
	for i, m := range list[:len(list)-1] {
		size, err := strconv.ParseInt(string(m.bytes[124:135]), 8, 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(m.name, ".note") {
			b := bytes.Clone(m.bytes)
			lines := bytes.SplitN(b[512:], []byte("\n"), 4)
			root := mth(leaves)
			copy(lines[2], base64.StdEncoding.EncodeToString(root[:])) // a part of b
			list[i].bytes, m.bytes = b, b
		}
		leaves = append(leaves, tlog.RecordHash(fmt.Appendf(nil, "%s\n%x\n", m.name, sha256.Sum256(m.bytes[512:][:size]))))
	}
	return list
}

// mth is the root of a tree, as RFC 6962 defines it.
func mth(leaves []tlog.Hash) tlog.Hash {
	if len(leaves) == 1 {
		return leaves[0]
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return tlog.NodeHash(mth(leaves[:k]), mth(leaves[k:]))
}

// check fails if something is reported as proved that the unit did not make.
func (f *rewriting) check(t testing.TB, rep *recording.Report) {
	t.Helper()
	if rep.HeadProved {
		want := f.honest
		if got := rep.Head; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the head is proved, and is not the unit's: %+v", f.name, got)
		}
	}
	if len(f.forged) == 0 {
		return
	}
	if rep.State.Complete() {
		t.Errorf("%s: %v, with the unit vouching: %v", f.name, rep.State, rep.Vouched)
	}
	if rep.Segments >= f.forged[0] {
		t.Errorf("%s: proved are %d seconds, and from second %d on it is forged", f.name, rep.Segments, f.forged[0])
	}
}

// verify reads the recording from r, and reports whether it was found whole.
func (f *rewriting) verify(t testing.TB, r io.ReaderAt) {
	t.Helper()
	rep, err := recording.Verify(r, int64(len(f.a)), recording.Options{Units: []string{f.unit.VKey}})
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return
	}
	f.check(t, rep)
}

// open opens the recording from r as far as it is proved.
func (f *rewriting) open(t testing.TB, r io.ReaderAt) {
	t.Helper()
	var out bytes.Buffer
	rep, err := recording.Open(r, int64(len(f.a)), &out, recording.Opening{
		Options: recording.Options{Units: []string{f.unit.VKey}}, Identities: []age.Identity{f.office.Identity},
		Accept: func(rep *recording.Report) error {
			if !rep.Vouched {
				return errRefused
			}
			return nil
		},
	})
	f.check(t, rep)
	var but []recording.Span
	if err == nil {
		but = slices.Concat(rep.Sound.Unproved, rep.Sound.Silence)
		for _, n := range f.forged {
			if n <= rep.Sound.Seconds && !in(but, n) {
				t.Errorf("%s: the forged second %d was given out as proved", f.name, n)
			}
		}
	}
	if err == nil || rep != nil && rep.State.Complete() { // then also what was written before an error
		f.sounds(t, out.Bytes(), but)
	}
}

var errRefused = errors.New("refused")

func in(list []recording.Span, n int64) bool {
	return slices.ContainsFunc(list, func(s recording.Span) bool { return s.First <= n && n <= s.Last })
}

// sounds compares what was written with the original, except for some seconds. (Seconds of Opus and
// FLAC are told apart by their joiners.)
func (f *rewriting) sounds(t testing.TB, got []byte, but []recording.Span) {
	t.Helper()
	if f.audio.Codec != "wav" {
		return
	}
	second := f.audio.Rate * f.audio.Channels * 2
	for n := int64(1); len(got) >= wav.HeaderLen+int(n)*second; n++ {
		want := recordingtest.Sound(f.audio, f.id, int(n), f.seconds)
		if got := got[wav.HeaderLen+int(n-1)*second:][:second]; !in(but, n) && !bytes.Equal(got, want[len(want)-second:]) {
			t.Errorf("%s: second %d was given out as proved, and nobody said it", f.name, n)
			return
		}
	}
}

// fickle is a file that changes during reading: the first reads of a byte return a's, later ones
// b's.
type fickle struct {
	a, b   []byte
	stays  int
	counts []int
}

func (r *fickle) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r.a[off:])
	for i := range p[:n] {
		if at := int(off) + i; r.counts[at] >= r.stays {
			p[i] = r.b[at]
		}
		r.counts[int(off)+i]++
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// TestRewrittenBetweenReads: whatever a file holds when a byte is read again, what is proved is
// what was hashed.
func TestRewrittenBetweenReads(t *testing.T) {
	for _, a := range audios {
		t.Run(a.Codec, func(t *testing.T) {
			t.Parallel()
			for _, f := range rewritings(t, a) {
				for stays := range 3 {
					f.verify(t, &fickle{f.a, f.b, stays, make([]int, len(f.a))})
					f.open(t, &fickle{f.a, f.b, stays, make([]int, len(f.a))})
				}
			}
		})
	}
}

// TestRewrittenAtABorder: files are read in pieces; wherever the border between two pieces falls,
// nothing is proved by a second read.
func TestRewrittenAtABorder(t *testing.T) {
	at := bordering(t)
	for behind := 0; behind < 6<<10; behind += 512 {
		for _, f := range at(behind) {
			for stays := range 2 {
				f.verify(t, &fickle{f.a, f.b, stays, make([]int, len(f.a))})
			}
		}
	}
}

// bordering returns a function that makes forgeries which end so many bytes after a border between
// two pieces.
func bordering(t *testing.T) func(behind int) []rewriting {
	const piece, second = 256 << 10, 4000
	first := second
	spec := recordingtest.Spec{Audio: recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}, Segments: 40,
		Sound: func(n int) []byte {
			if n == 1 {
				return make([]byte, first)
			}
			return make([]byte, second)
		}}
	size := len(rewritingsOf(t, spec)[0].a)
	return func(behind int) []rewriting {
		first = second + piece + behind - size
		made := rewritingsOf(t, spec)
		if len(made[0].a) != piece+behind {
			t.Fatalf("%d bytes, not %d behind the border", len(made[0].a), behind)
		}
		return made
	}
}

// once is a file that fails the test if any byte is read twice.
type once struct {
	t    testing.TB
	file []byte
	read int64 // up to here
}

func (r *once) ReadAt(p []byte, off int64) (int, error) {
	if off != r.read {
		r.t.Errorf("reads %d bytes at %d, after those up to %d", len(p), off, r.read)
	}
	n := copy(p, r.file[off:])
	r.read = off + int64(n)
	return n, nil
}

// TestVerifyReadsOnce: no byte of an undamaged file is read twice.
func TestVerifyReadsOnce(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Hybrid)
	for _, a := range audios {
		spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, Audio: a, Segments: 30}
		if a.Codec == "opus" {
			spec.Segments = 200 // small ones: all have to be of several pieces
		}
		whole := recordingtest.Make(t, spec)
		spec.Cut = true
		cut := recordingtest.Make(t, spec)
		for name, file := range map[string][]byte{"whole": whole, "unfinished": cut, "torn": cut[:len(cut)-700],
			"interrupted": closed(t, u, cut)} {
			r := &once{t: t, file: file}
			rep, err := recording.Verify(r, int64(len(file)), recording.Options{Units: []string{u.VKey}})
			if err != nil || !rep.Vouched || rep.Segments < int64(spec.Segments)-1 {
				t.Fatalf("%s, %s: %+v, %v", a.Codec, name, rep, err)
			}
			if r.read != int64(len(file)) && name != "torn" {
				t.Errorf("%s, %s: %d of %d bytes were read", a.Codec, name, r.read, len(file))
			}
		}
	}
}

// TestRewrittenWhileRead is the same with a real file that somebody rewrites every 200 µs: 200
// times, and 10,000 times for each codec with TACET_SOAK=1.
func TestRewrittenWhileRead(t *testing.T) {
	rounds := 200
	if os.Getenv("TACET_SOAK") != "" {
		rounds = 10_000
	}
	for _, a := range audios {
		t.Run(a.Codec, func(t *testing.T) {
			all := rewritings(t, a)
			for i := range all {
				f := &all[i]
				some := rounds/len(all) + 1
				whileRewritten(t, f, func(r io.ReaderAt) {
					for range some {
						f.verify(t, r)
						f.open(t, r)
					}
				})
			}
		})
	}
	t.Run("at a border", func(t *testing.T) {
		all := bordering(t)(1024) // the two zero blocks are in another piece than the last note
		for i := range all {
			f := &all[i]
			whileRewritten(t, f, func(r io.ReaderAt) {
				for range rounds/len(all) + 1 {
					f.verify(t, r)
				}
			})
		}
	})
}

// whileRewritten writes f into a file, then b over a and a over b for as long as do runs.
func whileRewritten(t *testing.T, f *rewriting, do func(io.ReaderAt)) {
	name := filepath.Join(t.TempDir(), "x.tacet")
	if err := os.WriteFile(name, f.a, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		tick := time.NewTicker(200 * time.Microsecond)
		defer tick.Stop()
		from, n := differing(f.a, f.b)
		for turn := 0; ; turn++ {
			select {
			case <-stop:
				stopped <- turn
				return
			case <-tick.C:
				file.WriteAt([][]byte{f.b, f.a}[turn%2][from:][:n], int64(from))
			}
		}
	}()
	do(file)
	close(stop)
	<-stopped
}

// differing returns the range in which two files differ.
func differing(a, b []byte) (from, n int) {
	for a[from] == b[from] {
		from++
	}
	to := len(a)
	for a[to-1] == b[to-1] {
		to--
	}
	return from, to - from
}

// TestRecoverOfAFileThatChanges: what is closed with the unit's signature is what was read when it
// was copied.
func TestRecoverOfAFileThatChanges(t *testing.T) {
	for _, a := range audios {
		for _, f := range rewritings(t, a) {
			for stays := range 4 {
				var out bytes.Buffer
				size := int64(len(f.a) - 700) // the end is torn
				_, err := recording.Recover(&fickle{f.a, f.b, stays, make([]int, len(f.a))}, size, &out, f.unit.Signer, "boot-2")
				if err != nil {
					continue // what is written then is thrown away
				}
				rep := verify(t, out.Bytes(), f.unit.VKey)
				if rep.State != recording.Interrupted && rep.State != recording.Whole || !rep.Vouched {
					t.Errorf("%s: closed, and then %v: %s", f.name, rep.State, rep.Why)
				}
				if len(f.forged) > 0 && rep.Segments >= f.forged[0] {
					t.Errorf("%s: the unit signed %d seconds, and from second %d on it is forged", f.name, rep.Segments, f.forged[0])
				}
			}
		}
	}
}

// TestHeadIsTheOneInTheTree: another recording.json, hidden in READ-ME.txt, whose text is known
// anyway, says nothing in the unit's name.
func TestHeadIsTheOneInTheTree(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	list := members(t, small(t, u, o))
	other := bytes.Replace(list[find(t, list, "recording.json")].bytes, []byte("Your own record"),
		[]byte("Our own records"), 1)
	for _, at := range []int{512, 1024} {
		hidden := bytes.Clone(list[0].bytes)
		if len(hidden) < at+len(other) {
			t.Fatalf("READ-ME.txt has %d bytes, and recording.json %d", len(hidden), len(other))
		}
		copy(hidden[at:], other)
		rep := verify(t, join(slices.Replace(slices.Clone(list), 0, 1, member{"READ-ME.txt", hidden})), u.VKey)
		if rep.State != recording.Damaged || !rep.HeadProved || rep.Head.Purpose != "Your own record of this consultation" {
			t.Errorf("%v, proved %v: %q", rep.State, rep.HeadProved, rep.Head.Purpose)
		}
	}
}
