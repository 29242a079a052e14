package recording_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// tiny is a recording with so many segments, a gap in the last one, and hardly any sound.
func tiny(t testing.TB, u recordingtest.Unit, o recordingtest.Office, segments int, cut bool) []byte {
	return recordingtest.Make(t, recordingtest.Spec{
		Unit: u, For: []string{o.Recipient}, Segments: segments, Cut: cut,
		Happened: map[int]*recording.Happening{segments: {Gaps: []recording.Gap{{Sample: 9000, Samples: 480}}}},
		Sound:    func(n int) []byte { return fmt.Appendf(nil, "second %d", n) },
	})
}

// small has every kind of member in few bytes.
func small(t testing.TB, u recordingtest.Unit, o recordingtest.Office) []byte {
	return tiny(t, u, o, 2, false)
}

// interrupted is the same, closed by the unit after a power cut.
func interrupted(t testing.TB, u recordingtest.Unit, o recordingtest.Office) []byte {
	return closed(t, u, tiny(t, u, o, 2, true))
}

// closed recovers a file.
func closed(t testing.TB, u recordingtest.Unit, file []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	if _, err := recording.Recover(bytes.NewReader(file), int64(len(file)), &out, u.Signer, "boot-2"); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func verify(t testing.TB, file []byte, known ...string) *recording.Report {
	t.Helper()
	rep, err := recording.Verify(bytes.NewReader(file), int64(len(file)), recording.Options{Units: known})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// mustFind fails unless Verify finds file damaged, and says where.
func mustFind(t *testing.T, what string, file []byte) {
	t.Helper()
	rep := verify(t, file)
	if rep.State.Complete() {
		t.Fatalf("%s: verified as %v", what, rep.State)
	}
	if rep.Why == "" {
		t.Fatalf("%s: %v, but why?", what, rep.State)
	}
	if rep.State == recording.Damaged && len(rep.Damages) == 0 {
		t.Fatalf("%s: damaged, but where?", what)
	}
}

// TestEveryByte is promise 7: Verify detects a change of any byte.
func TestEveryByte(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	whole, interrupted := tiny(t, u, o, 1, false), closed(t, u, tiny(t, u, o, 1, true))
	for name, c := range map[string]struct {
		file []byte
		from int
	}{
		"whole":       {whole, 0},
		"interrupted": {interrupted, len(join(members(t, interrupted)[:5]))}, // the head is like the other's
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if rep := verify(t, c.file, u.VKey); !rep.State.Complete() || !rep.Vouched {
				t.Fatalf("unaltered: %v, %s", rep.State, rep.Why)
			}
			for i := c.from; i < len(c.file); i++ {
				change := byte(1) << (i % 8)
				c.file[i] ^= change
				mustFind(t, fmt.Sprintf("byte %d of %d changed by %#x", i, len(c.file), change), c.file)
				c.file[i] ^= change
			}
		})
	}
}

// lengths are the lengths to cut a file to: around all block borders, and some between.
func lengths(size int) (list []int) {
	for n := range size + 1 {
		if in := (n + 2) % 512; in < 5 || in%37 == 0 {
			list = append(list, n)
		}
	}
	return list
}

// TestEveryLength: cut anywhere, a recording is neither whole nor damaged, but unfinished.
func TestEveryLength(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	file := small(t, u, o)
	for _, n := range lengths(len(file) - 1) {
		rep := verify(t, file[:n])
		want := recording.Unfinished
		if n == 0 {
			want = recording.Foreign
		}
		if rep.State != want || rep.Why == "" {
			t.Fatalf("cut to %d of %d bytes: %v, %s", n, len(file), rep.State, rep.Why)
		}
	}
}

// member is a member of a recording, with its header and padding.
type member struct {
	name  string
	bytes []byte
}

// members splits a recording; the last one is the end of the archive.
func members(t testing.TB, file []byte) []member {
	t.Helper()
	var list []member
	r := bytes.NewReader(file)
	archive := tar.NewReader(r)
	at := 0
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return append(list, member{"", file[at:]})
		}
		if err != nil {
			t.Fatal(err)
		}
		end := at + 512 + int(h.Size+511)/512*512
		list = append(list, member{h.Name, file[at:end]})
		at = end
	}
}

func join(list []member) []byte {
	var b []byte
	for _, m := range list {
		b = append(b, m.bytes...)
	}
	return b
}

// TestEveryMember: a member may not be dropped, doubled, swapped with another, or replaced by that
// of another recording of the same unit and second.
func TestEveryMember(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	for name, build := range map[string]func(testing.TB, recordingtest.Unit, recordingtest.Office) []byte{
		"whole": small, "interrupted": interrupted,
	} {
		t.Run(name, func(t *testing.T) {
			list, other := members(t, build(t, u, o)), members(t, build(t, u, o))
			for i, m := range list {
				mustFind(t, m.name+" dropped", join(slices.Delete(slices.Clone(list), i, i+1)))
				mustFind(t, m.name+" doubled", join(slices.Insert(slices.Clone(list), i, m)))
				if m.name != "" {
					mustFind(t, m.name+" added at the end", append(join(list), m.bytes...))
					if bytes.Equal(m.bytes, other[i].bytes) {
						continue // NNNNNN.json may well say the same
					}
					mustFind(t, m.name+" of another recording", join(slices.Replace(slices.Clone(list), i, i+1, other[i])))
					mustFind(t, m.name+" of another recording added", join(slices.Insert(slices.Clone(list), i, other[i])))
				}
				for j := range list[:i] {
					swapped := slices.Clone(list)
					swapped[i], swapped[j] = swapped[j], swapped[i]
					mustFind(t, m.name+" and "+list[j].name+" swapped", join(swapped))
					if strings.HasSuffix(m.name, ".age") && strings.HasSuffix(list[j].name, ".age") {
						mustFind(t, m.name+" and "+list[j].name+" swapped, but for their names", join(contentSwapped(list, i, j)))
					}
				}
			}
		})
	}
}

// contentSwapped swaps the contents of two members of the same size.
func contentSwapped(list []member, i, j int) []member {
	out := slices.Clone(list)
	a, b := list[i].bytes, list[j].bytes
	if len(a) != len(b) {
		return slices.Delete(out, i, i+1)
	}
	out[i].bytes = append(slices.Clone(a[:512]), b[512:]...)
	out[j].bytes = append(slices.Clone(b[:512]), a[512:]...)
	return out
}

// TestAfterTheEnd: a second archive, zeros or rubbish after the end, which some programs read.
func TestAfterTheEnd(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	file := small(t, u, o)
	for name, tail := range map[string][]byte{
		"a zero":         {0},
		"a block":        make([]byte, 512),
		"a record":       make([]byte, 10240-len(file)%10240),
		"rubbish":        []byte("x"),
		"itself":         file,
		"another":        small(t, u, o),
		"its last bytes": file[len(file)-3000:],
	} {
		mustFind(t, name, slices.Concat(file, tail))
		mustFind(t, name+", in front", slices.Concat(tail, file))
	}
}
