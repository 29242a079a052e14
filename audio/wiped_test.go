package audio

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/audio/encoded"
)

const (
	run  = 64                    // bytes in a row that prove where they come from
	mask = 0x5a17_c3e9_88f2_6b4d // hides what is looked for from the search
)

// A kind is the form of the sound when it was marked.
type kind string

// A trace is masked sound to search for.
type trace struct {
	runs  map[uint64]marked // by their first eight bytes
	first [1 << 16]bool     // by two: most of memory needs no look at runs
	count map[kind]int
}

type marked struct {
	kind  kind
	words [run / 8]uint64
}

func newTrace() *trace { return &trace{runs: map[uint64]marked{}, count: map[kind]int{}} }

// mark adds bytes to search for, unless they repeat themselves.
func (tr *trace) mark(k kind, data []byte) {
	for ; len(data) >= run; data = data[run:] {
		m := marked{kind: k}
		for i := range m.words {
			m.words[i] = binary.LittleEndian.Uint64(data[8*i:]) ^ mask
		}
		if m.words[0] != m.words[1] {
			tr.runs[m.words[0]] = m
			tr.first[uint16(m.words[0])] = true
			tr.count[k]++
		}
	}
}

// found returns how many runs are in this process's memory, and where.
func (tr *trace) found(t *testing.T) (count map[kind]int, where map[string]int) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open("/proc/self/mem")
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	const step = 1 << 20
	// since the list was made, so not in it
	buffer, err := unix.Mmap(-1, 0, step+run, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Munmap(buffer)
	count, where = map[kind]int{}, map[string]int{}
	for line := range strings.Lines(string(maps)) {
		var from, to uint64
		var mode string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); err != nil {
			t.Fatalf("maps says %q: %v", line, err)
		}
		if mode[:2] != "rw" || to-from > 1<<30 { // the race detector's own is larger than any sound
			continue
		}
		for at := from; at < to; at += step {
			n, _ := mem.ReadAt(buffer[:min(step+run, to-at)], int64(at)) // it may have gone, or have no memory
			for _, k := range tr.scan(buffer[:n], step) {
				where[strings.TrimSpace(line)]++
				count[k]++
			}
		}
	}
	return count, where
}

// scan finds runs in b. It does most of the work, and the race detector would make it twenty times
// slower.
//
//go:norace
func (tr *trace) scan(b []byte, before int) (found []kind) {
	for i := 0; i+run <= len(b) && i < before; i++ {
		if !tr.first[(uint16(b[i])|uint16(b[i+1])<<8)^uint16(mask&0xffff)] {
			continue
		}
		if k := tr.at(b[i:]); k != "" {
			found = append(found, k)
		}
	}
	return found
}

// at returns the kind of the run at the start of b, if any.
//
//go:norace
func (tr *trace) at(b []byte) kind {
	first := binary.LittleEndian.Uint64(b) ^ mask
	m, ok := tr.runs[first]
	for i := 0; ok && i < len(m.words); i++ {
		ok = binary.LittleEndian.Uint64(b[8*i:])^mask == m.words[i]
	}
	if !ok {
		return ""
	}
	return m.kind
}

const (
	samples kind = "samples"
	coded   kind = "encoded"
)

// caught is how many runs may be left outside our control: a checksum keeps the last 64 bytes, and
// a signal's stack the processor's registers at the time of the signal.
const caught = 8

// The state of a recording when memory is searched.
const (
	ended    = "ended"
	released = "released"
	running  = "running" // it has just returned a second
)

// No sound is left in memory, raw or encoded, once the segments are wiped.
func TestNothingOfTheSoundIsLeft(t *testing.T) {
	for _, f := range formats() {
		for _, stands := range []string{ended, released, running} {
			name := fmt.Sprintf("%s, %d channels, %s", f.Codec, f.Channels, stands)
			tr := newTrace()
			e, err := NewEncoder(f)
			if err != nil {
				t.Fatal(err)
			}
			frames := 5*f.Rate/2 + 7
			if stands == running {
				frames = 2 * f.Rate
			}
			list := consult(t, e, f, frames, tr)
			switch stands {
			case ended:
				more, err := e.Close()
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, tr.segments(more)...)
			case released:
				e.Release()
			}
			if tr.count[samples] < 100 || tr.count[coded] < 100 {
				t.Fatalf("%s: there is too little to look for: %v", name, tr.count)
			}
			if f.Channels == 1 && stands == ended { // the search itself
				if n, _ := tr.found(t); n[samples]+n[coded] < tr.count[coded]/2 {
					t.Errorf("%s: the search finds %v of %v before anything is wiped", name, n, tr.count)
				}
			}
			for _, s := range list {
				clear(s.Data)
			}
			if n, where := tr.found(t); n[samples]+n[coded] > caught {
				t.Errorf("%s: of %v runs, %v are left: %v", name, tr.count, n, where)
			} else {
				t.Logf("%s: of %v runs, %v are left", name, tr.count, n)
			}
			e.Release()
		}
	}
}

// consult records as the daemon does, and marks the sound and its encoded form.
func consult(t *testing.T, e Encoder, f Format, frames int, tr *trace) (list []encoded.Segment) {
	t.Helper()
	said := noise(rand.Uint64(), f, frames)
	defer clear(said)
	bytes, err := binary.Append(make([]byte, 0, 2*len(said)), binary.LittleEndian, said)
	if err != nil {
		t.Fatal(err)
	}
	tr.mark(samples, bytes)
	clear(bytes)
	for at := 0; at < len(said); at += 4800 * f.Channels {
		more, err := e.Encode(said[at:min(len(said), at+4800*f.Channels)])
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, tr.segments(more)...)
	}
	return list
}

// segments marks the sound in the segments.
func (tr *trace) segments(list []encoded.Segment) []encoded.Segment {
	for _, s := range list {
		const headers = 256 // and what has no sound in it
		tr.mark(coded, s.Data[min(headers, len(s.Data)):])
	}
	return list
}
