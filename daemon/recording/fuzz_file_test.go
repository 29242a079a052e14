package recording_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"testing"

	"filippo.io/age"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// FuzzFile: whatever is done to a file, nothing panics, only the original verifies, and what
// Recover makes of it does too.
func FuzzFile(f *testing.F) {
	u, o := recordingtest.NewUnit(f, "high-street", "room-3"), recordingtest.NewOffice(f, recordingtest.Classic)
	file := small(f, u, o)
	list := members(f, file)
	f.Add(uint32(0), uint32(0), []byte{})
	f.Add(uint32(525), uint32(1), []byte{})     // all after it moved
	f.Add(uint32(2723), uint32(0), []byte("x")) // the other way
	at := uint32(0)
	for i, m := range list {
		f.Add(at, uint32(len(m.bytes)), []byte{})               // dropped
		f.Add(at, uint32(0), m.bytes)                           // doubled
		f.Add(at, uint32(512), bytes.Repeat([]byte{'0'}, 512))  // its header overwritten
		f.Add(at+124, uint32(12), []byte("77777777777\x00"))    // its size
		f.Add(at+124, uint32(12), []byte("\x80\x00\x00\xffxx")) // the size as GNU tar may write it
		f.Add(at, uint32(len(m.bytes)), list[(i+3)%len(list)].bytes)
		at += uint32(len(m.bytes))
	}
	f.Fuzz(func(t *testing.T, at, n uint32, put []byte) {
		a := min(int(at), len(file))
		b := min(a+int(n), len(file))
		changed := append(append(bytes.Clone(file[:a]), put...), file[b:]...)
		rep, err := recording.Verify(bytes.NewReader(changed), int64(len(changed)),
			recording.Options{Units: []string{u.VKey}})
		if err != nil {
			t.Fatal(err)
		}
		if rep.State.Complete() && !bytes.Equal(changed, file) {
			t.Fatalf("verified as %v", rep.State)
		}
		if rep.State == recording.Damaged && len(rep.Damages) == 0 {
			t.Fatal("damaged, but where?")
		}
		out, _, err := recoverFile(changed, u)
		if err == nil && len(out) > 0 {
			if rep := verify(t, out, u.VKey); !rep.State.Complete() || !rep.Vouched {
				t.Fatalf("recovered, it is %v: %s", rep.State, rep.Why)
			}
		}
		recording.Open(bytes.NewReader(changed), int64(len(changed)), io.Discard,
			recording.Opening{Identities: []age.Identity{o.Identity}})
	})
}

// pattern is a file that repeats itself for ever.
type pattern []byte

func (p pattern) ReadAt(b []byte, off int64) (int, error) {
	for n := 0; n < len(b); {
		n += copy(b[n:], p[(int(off)+n)%len(p):])
	}
	return len(b), nil
}

// TestMemoryIsBounded: no file costs more than some MB of memory.
func TestMemoryIsBounded(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	list := members(t, small(t, u, o))
	segment, note := list[find(t, list, "000002.age")].bytes, list[find(t, list, "000002.note")].bytes
	huge := bytes.Clone(segment)
	copy(huge[124:], "00020000000\x00") // 4 MiB
	head := join(list[:find(t, list, "000001.age")])
	jumbled := bytes.Clone(head)
	for n := range 2000 {
		jumbled = append(jumbled, renamed(segment, fmt.Sprintf("%06d.age", n))...)
	}
	rubbish := make([]byte, 4096)
	for i := range len(rubbish) / 8 {
		binary.LittleEndian.PutUint64(rubbish[8*i:], uint64(i)*0x9E3779B97F4A7C15)
	}
	copy(rubbish[257:], "ustar\x0000")
	for name, file := range map[string]io.ReaderAt{
		"zeros":             pattern(make([]byte, 512)),
		"the head only":     pattern(head),
		"one segment":       pattern(segment),
		"one note":          pattern(note),
		"huge segments":     pattern(huge),
		"a whole, for ever": pattern(join(list)),
		"many segments":     pattern(jumbled),
		"rubbish":           pattern(rubbish),
	} {
		t.Run(name, func(t *testing.T) {
			const size = 48 << 20
			// TotalAlloc includes freed memory, so this is far more than was ever held at a time.
			if mb := grown(func(m *runtime.MemStats) uint64 { return m.TotalAlloc }, func() {
				recording.Verify(file, size, recording.Options{})
			}); mb > size>>20 {
				t.Errorf("Verify allocates %d MB", mb)
			}
			if mb := grown(func(m *runtime.MemStats) uint64 { return m.TotalAlloc }, func() {
				recording.Recover(file, size, io.Discard, u.Signer, "")
			}); mb > size>>20 {
				t.Errorf("Recover allocates %d MB", mb)
			}
			// age takes 128 KB each time that Open decrypts: only what is held at a time counts,
			// not what waits to be collected.
			defer debug.SetGCPercent(debug.SetGCPercent(10))
			if mb := grown(func(m *runtime.MemStats) uint64 { return m.Sys }, func() {
				recording.Open(file, size/16, io.Discard, recording.Opening{Identities: []age.Identity{o.Identity}})
			}); mb > 32 {
				t.Errorf("Open takes %d MB from the system", mb)
			}
		})
	}
}

// grown returns by how many MB a figure grows while do runs.
func grown(figure func(*runtime.MemStats) uint64, do func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return (figure(&after) - figure(&before)) >> 20
}
