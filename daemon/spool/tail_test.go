//go:build unix

package spool

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// live is a recording that is being written, with a tail behind each second.
type live struct {
	script
	tails [][]byte // tails[n] goes on behind pieces[n]
}

func (a actors) record(t testing.TB, segments int) live {
	t.Helper()
	id := recording.NewID()
	sealer := recordingtest.NewSealer(t, recordingtest.Spec{Unit: a.unit, For: []string{a.office.Recipient}, ID: id})
	head, err := sealer.Begin(recordingtest.Consent)
	check(t, err)
	l := live{script: script{recording.Name(recordingtest.Started, "room-3", id), [][]byte{head}}}
	for n := 1; ; n++ {
		tail, err := sealer.Tail(bytes.Repeat([]byte{byte(n)}, 150), 4000, nil)
		check(t, err)
		l.tails = append(l.tails, tail)
		if n > segments {
			return l
		}
		b, err := sealer.Segment(bytes.Repeat([]byte{byte(n)}, 300), nil)
		check(t, err)
		l.pieces = append(l.pieces, b)
	}
}

// remembering opens a spool with a folder in memory.
func remembering(t testing.TB, disk, memory *durabletest.Disk) *Spool {
	t.Helper()
	s := open(t, disk)
	s.KeepTails(memory)
	return s
}

// write appends the first pieces, and writes the tail behind each.
func (l live) write(t testing.TB, s *Spool, pieces int) *File {
	t.Helper()
	f, err := s.Create(l.name)
	check(t, err)
	for n, p := range l.pieces[:pieces] {
		check(t, f.Append(p))
		check(t, s.WriteTail(l.name, l.tails[n]))
	}
	return f
}

// After a killed process the tail is in the recording; after a power cut there is none. Neither leaves one behind.
func TestTailAfterAKill(t *testing.T) {
	a := cast(t)
	for _, power := range []bool{false, true} {
		l := a.record(t, 4)
		disk, memory := durabletest.NewDisk(1), durabletest.NewDisk(2)
		f := l.write(t, remembering(t, disk, memory), 3)
		if got := f.Synced(); got != int64(len(l.pieces[0])+len(l.pieces[1])+len(l.pieces[2])) {
			t.Errorf("%d bytes are synced: a tail is not on the disk", got)
		}
		want := int64(3)
		if power {
			disk, memory, want = disk.PowerCut(0, durabletest.Sector), durabletest.NewDisk(3), 2
		} else {
			disk, memory = disk.Kill(), memory.Kill()
		}
		found, err := remembering(t, disk, memory).Recover(a.unit.Signer, "boot-2")
		check(t, err)
		if len(found) != 1 || found[0].Err != nil || found[0].Segments != want || found[0].Tail != want-2 || found[0].End.Samples != 16000+4000*(want-2) {
			t.Errorf("power cut %v: recovered %+v", power, found)
		}
		if s := state(t, disk, l.name); s != recording.Interrupted {
			t.Errorf("power cut %v: it is %v", power, s)
		}
		if left := names(t, memory); len(left) > 0 {
			t.Errorf("power cut %v: %v is left", power, left)
		}
	}
}

// What lies in memory beside a recording that was killed, and is not its last tail, does nothing and goes.
func TestTailsOfNoUse(t *testing.T) {
	a := cast(t)
	l, other := a.record(t, 4), a.record(t, 4)
	for what, tail := range map[string][]byte{
		"of another recording": other.tails[2], "an older one": l.tails[1], "torn": l.tails[2][:700], "too long": make([]byte, recording.MaxTail+1), "empty": {},
	} {
		disk, memory := durabletest.NewDisk(1), durabletest.NewDisk(2)
		s := remembering(t, disk, memory)
		l.write(t, s, 3)
		check(t, s.WriteTail(l.name, tail))
		check(t, s.WriteTail(other.name, other.tails[1])) // of which nothing is on this disk
		put(t, memory, l.name+".tail.tmp", []byte("not finished"))
		put(t, memory, "status.json", []byte("{}"))
		put(t, memory, "somebody.tail", []byte("else's"))
		memory.Foreign(strings.Replace(l.name, "room-3", "room-4", 1)+".tail", 0)
		disk, memory = disk.Kill(), memory.Kill()
		found, err := remembering(t, disk, memory).Recover(a.unit.Signer, "boot-2")
		check(t, err)
		if len(found) != 1 || found[0].Err != nil || found[0].Segments != 2 || found[0].Tail != 0 {
			t.Errorf("%s: recovered %+v", what, found)
		}
		if left := names(t, memory); !slices.Equal(left, []string{"somebody.tail", "status.json"}) {
			t.Errorf("%s: left %v", what, left)
		}
	}
}

// The tail of a recording that goes on stays while another is recovered; so does that of one which can't be recovered now.
func TestTailsThatStay(t *testing.T) {
	a := cast(t)
	killed, running := a.record(t, 4), a.record(t, 4)
	disk, memory := durabletest.NewDisk(1), durabletest.NewDisk(2)
	killed.write(t, remembering(t, disk, memory), 3)
	disk, memory = disk.Kill(), memory.Kill()
	s := remembering(t, disk, memory)
	f := running.write(t, s, 2)
	disk.Full(1000)
	if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 1 || found[0].Err == nil {
		t.Fatalf("without room: %+v, %v", found, err)
	}
	if left := names(t, memory); len(left) != 2 {
		t.Errorf("without room: left %v", left)
	}
	disk.Mend()
	if found, err := s.Recover(a.unit.Signer, "boot-2"); err != nil || len(found) != 1 || found[0].Tail != 1 {
		t.Errorf("with room: %+v, %v", found, err)
	}
	if left := names(t, memory); !slices.Equal(left, []string{running.name + ".tail"}) {
		t.Errorf("left %v", left)
	}
	check(t, f.Close())
	s.DropTail(running.name)
	if left := names(t, memory); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// Whatever happens to the memory, and wherever the process is killed: the recording has what the disk had, and more at best.
func TestTailsWithFaults(t *testing.T) {
	a := cast(t)
	l := a.record(t, 4)
	for n := 1; n < 40; n++ {
		for _, kill := range []bool{false, true} {
			disk, memory := durabletest.NewDisk(1), durabletest.NewDisk(uint64(n))
			s := remembering(t, disk, memory)
			if kill {
				memory.CutAt(n)
			} else {
				memory.FailAt(n, syscall.ENOSPC, n%2 == 0)
			}
			f, err := s.Create(l.name)
			check(t, err)
			for i, p := range l.pieces[:3] {
				check(t, f.Append(p))
				s.WriteTail(l.name, l.tails[i])
			}
			disk, memory = disk.Kill(), memory.Kill()
			if !kill {
				memory.FailAt(1+n%5, syscall.EIO, false)
			}
			found, err := remembering(t, disk, memory).Recover(a.unit.Signer, "boot-2")
			check(t, err)
			if len(found) != 1 || found[0].Err != nil || found[0].Segments < 2 || found[0].Segments-found[0].Tail != 2 {
				t.Fatalf("operation %d (kill %v): %+v", n, kill, found)
			}
			if s := state(t, disk, l.name); s != recording.Interrupted {
				t.Fatalf("operation %d (kill %v): it is %v", n, kill, s)
			}
		}
	}
}

// A spool without memory has no tails, and says nothing of it.
func TestNoMemory(t *testing.T) {
	s := open(t, durabletest.NewDisk(1))
	check(t, s.WriteTail("x", []byte("y")))
	s.DropTail("x")
	if tail := s.tail("x"); tail != nil {
		t.Error(fmt.Sprint(tail))
	}
}
