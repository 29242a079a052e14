package e2e_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/memory/memorytest"
	"tacet/systemd/needs"
)

// sound is what was said in a room, in each form in which a process may have it in clear.
type sound map[string]*memorytest.Index

// found is sound in an area of a process's memory.
type found struct {
	area  memorytest.Area
	form  string
	bytes int
}

func (f found) String() string {
	return fmt.Sprintf("%d bytes of the %s in %v", f.bytes, f.form, f.area)
}

// in finds the sound in areas.
func (s sound) in(areas []memorytest.Area) (list []found) {
	for _, a := range areas {
		for form, index := range s {
			if n := index.FoundIn(a); n > 0 {
				list = append(list, found{a, form, n})
			}
		}
	}
	return list
}

func total(list []found) (n int) {
	for _, f := range list {
		n += f.bytes
	}
	return n
}

// ring reports sound in the daemon's own memory for samples, which is locked and in no core dump.
func ring(f found) bool { return f.area.Has("lo") && f.area.Has("dd") && f.form == "samples" }

// stack reports sound on the stack of one of the sound library's threads, which the kernel marks.
func stack(f found) bool { return f.area.Has("nh") }

// unlocked reports sound that may reach swap.
func unlocked(f found) bool { return !f.area.Has("lo") }

// consultation is a consultation that was recorded, with the unit's memory meanwhile.
type consultation struct {
	*demotest.Demo
	sound
	during []memorytest.Area
}

// consult records some seconds of time code.
func consult(t *testing.T, codec string, seconds float64, through ...string) consultation {
	t.Helper()
	room := audiotest.NewPulse(t)
	speak(t, room)
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Codec: codec})
	unit.Through = through
	c := consultation{Demo: unit.Start(t, room.Env()...)}
	c.Consent()
	var samples []byte
	for _, s := range audiotest.Code(0, int(seconds+60)*audiotest.Rate) {
		samples = binary.LittleEndian.AppendUint16(samples, uint16(s))
	}
	c.sound = sound{"samples": memorytest.NewIndex(samples)}
	c.Until("some seconds", demotest.Recorded(1, seconds))
	limit := time.Now().Add(patience)
	for c.during = c.look(t); !slices.ContainsFunc(c.in(c.during), ring); c.during = c.look(t) {
		// the ring is empty at times
		if time.Now().After(limit) {
			t.Fatalf("in %v nothing was seen in locked memory for samples, but %v", patience, c.in(c.during))
		}
	}
	c.Press("clinician")
	file, _ := unit.Open(t, c.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File)
	if codec != "wav" { // its file is the samples
		c.sound["file"] = memorytest.NewIndex(file)
	}
	return c
}

// look returns the unit's memory.
func (c consultation) look(t *testing.T) []memorytest.Area {
	return memorytest.Writable(t, c.UnitPid())
}

// patience is how long a test waits for something that must happen; on an idle machine it takes a
// second or two.
const patience = time.Minute

// What is said in the room is never in a page that could reach swap, in any form, and soon after
// the end almost nothing of it is left.
func TestSoundStaysInLockedMemory(t *testing.T) {
	t.Parallel()
	// left is how many bytes may remain on the stacks of goroutines. Up to 900 have been seen.
	const left = 4 << 10
	for _, codec := range []string{"wav", "flac", "opus"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			seconds, later := 5.0, time.Duration(0)
			if os.Getenv("TACET_SOAK") != "" {
				seconds, later = 20, time.Minute
			}
			c := consult(t, codec, seconds)
			if slices.Contains(c.Warnings(), "memory-unlocked") {
				needs.Root(t, "to lock memory")
				t.Fatal("memory can't be locked")
			}
			during := c.in(c.during)
			t.Logf("while recording: %d bytes; %v", total(during), during)
			all := during
			limit := time.Now().Add(patience)
			after := c.in(c.look(t))
			for (total(after) > left || slices.ContainsFunc(after, stack)) && time.Now().Before(limit) {
				all = append(all, after...)
				after = c.in(c.look(t))
			}
			t.Logf("after the end: %d bytes; %v", total(after), after)
			if total(after) > left || slices.ContainsFunc(after, stack) {
				t.Errorf("%v after the end %d bytes are left, more than %d, or some on a thread's stack", patience, total(after),
					left)
			}
			if later > 0 {
				<-time.After(later)
				after = c.in(c.look(t))
				t.Logf("%v later: %d bytes", later, total(after))
			}
			for _, f := range append(all, after...) {
				if unlocked(f) {
					t.Errorf("it may reach swap: %v", f)
				}
			}
		})
	}
}

// If memory can't be locked, the unit warns and still records. Its ring of samples is locked
// anyway, as consult has checked.
func TestWhereMemoryCannotBeLocked(t *testing.T) {
	t.Parallel()
	through := []string{"prlimit", "--memlock=8388608:8388608"}
	if os.Geteuid() == 0 {
		through = append(through, "setpriv", "--bounding-set=-ipc_lock,-sys_resource")
	}
	c := consult(t, "opus", 3, through...)
	c.Warns("memory-unlocked")
	during := c.in(c.during)
	if !slices.ContainsFunc(during, unlocked) {
		t.Errorf("all is locked: this test looks at the wrong process: %v", during)
	}
}
