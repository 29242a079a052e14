// Package memorytest looks into the memory of a running process, for tests that search it for what
// must not be there. The process must be of the same user and dumpable, or the test root's.
package memorytest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"
)

// An Area is one mapping of a process, with the pages that are there.
type Area struct {
	Name  string // what is mapped; empty where it is nobody's file
	Mode  string // rw-p
	Flags string // VmFlags as in smaps: "lo" is locked, "dd" is in no core dump
	from  uint64
	Runs  [][]byte // of adjoining pages
}

// Has reports whether a flag is set.
func (a Area) Has(flag string) bool { return strings.Contains(" "+a.Flags+" ", " "+flag+" ") }

func (a Area) String() string {
	return fmt.Sprintf("%x %s %q [%s]", a.from, a.Mode, a.Name, a.Flags)
}

// Writable is what the memory of a process holds in mappings that it can write to, or has written
// to, page by page: those that are in memory or in swap. Reading leaves all as it is.
func Writable(t testing.TB, pid int) []Area {
	t.Helper()
	proc := "/proc/" + strconv.Itoa(pid)
	smaps, err := os.ReadFile(proc + "/smaps")
	if err != nil {
		t.Fatal(err)
	}
	p := process{t: t}
	for _, file := range []struct {
		name string
		to   **os.File
	}{{"mem", &p.mem}, {"pagemap", &p.pages}} {
		if *file.to, err = os.Open(proc + "/" + file.name); err != nil {
			t.Fatal(err)
		}
		defer (*file.to).Close()
	}
	var areas []Area
	var a Area
	var to uint64
	written := false
	for line := range strings.Lines(string(smaps)) {
		fields := strings.Fields(line)
		switch {
		case !strings.HasSuffix(fields[0], ":"):
			a, written = Area{Mode: fields[1], Name: strings.Join(fields[min(5, len(fields)):], " ")}, fields[1][1] == 'w'
			if _, err := fmt.Sscanf(fields[0], "%x-%x", &a.from, &to); err != nil {
				t.Fatal(err)
			}
		case fields[0] == "Anonymous:" && fields[1] != "0":
			written = true
		case fields[0] == "VmFlags:":
			a.Flags = strings.Join(fields[1:], " ")
			if written {
				p.read(&a, to)
				areas = append(areas, a)
			}
		}
	}
	if p.total < 1<<20 {
		t.Fatalf("only %d bytes of process %d could be read", p.total, pid)
	}
	return areas
}

// process is where the memory of one is read.
type process struct {
	t          testing.TB
	mem, pages *os.File
	total      int
}

// read takes the pages of an area that are there. Some can't be read: the kernel's own, and those
// that have gone meanwhile.
func (p *process) read(a *Area, to uint64) {
	size := uint64(os.Getpagesize())
	entries := make([]byte, (to-a.from)/size*8)
	if n, err := p.pages.ReadAt(entries, int64(a.from/size*8)); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			p.t.Fatal(err)
		}
		entries = entries[:n/8*8]
	}
	const there = 1<<63 | 1<<62 // in memory, in swap
	for i := 0; i < len(entries)/8; {
		first := i
		for ; i < len(entries)/8 && binary.NativeEndian.Uint64(entries[8*i:])&there != 0; i++ {
		}
		if i > first {
			run := make([]byte, uint64(i-first)*size)
			n, _ := p.mem.ReadAt(run, int64(a.from+uint64(first)*size))
			a.Runs = append(a.Runs, run[:n])
			p.total += n
		}
		i++
	}
}
