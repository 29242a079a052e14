// Package memorytest reads the memory of a running process, for tests that search it for what must
// not be there. The process must be dumpable and of the same user, or the test must run as root.
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

// An Area is one mapping of a process, with its present pages.
type Area struct {
	Name  string // the mapped file, or empty
	Mode  string // rw-p
	Flags string // VmFlags as in smaps: "lo" is locked, "dd" is excluded from core dumps
	from  uint64
	Runs  [][]byte // of adjoining pages
}

// Has reports whether a flag is set.
func (a Area) Has(flag string) bool { return strings.Contains(" "+a.Flags+" ", " "+flag+" ") }

func (a Area) String() string {
	return fmt.Sprintf("%x %s %q [%s]", a.from, a.Mode, a.Name, a.Flags)
}

// Writable returns the mappings that a process can write to, or has written to, with the pages that
// are in memory or in swap.
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

// process reads the memory of a process.
type process struct {
	t          testing.TB
	mem, pages *os.File
	total      int
}

// read reads the present pages of an area. Some can't be read: those of the kernel, and those that
// have gone meanwhile.
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
