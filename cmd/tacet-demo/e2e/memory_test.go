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
)

// sound is what was said in a room, in each form in which a process can have it in clear.
type sound map[string]*memorytest.Index

// found is some of it in an area of a process's memory.
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

// ring is the sound in the daemon's own memory for samples, locked and in no core dump.
func ring(f found) bool { return f.area.Has("lo") && f.area.Has("dd") && f.form == "samples" }

// unlocked is sound that may reach swap.
func unlocked(f found) bool { return !f.area.Has("lo") }

// A consultation is one that was recorded, and the memory of the unit as it was meanwhile.
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
	c.Until("some seconds", demotest.Recorded(1, seconds))
	c.during = memorytest.Writable(t, c.UnitPid())
	c.Press("clinician")
	file, _ := unit.Open(t, c.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File)
	var samples []byte
	for _, s := range audiotest.Code(0, int(seconds+60)*audiotest.Rate) {
		samples = binary.LittleEndian.AppendUint16(samples, uint16(s))
	}
	c.sound = sound{"file": memorytest.NewIndex(file), "samples": memorytest.NewIndex(samples)}
	return c
}

// now looks for the sound in the unit's memory.
func (c consultation) now(t *testing.T) []found { return c.in(memorytest.Writable(t, c.UnitPid())) }

// What is said in the room is never in a page that could reach swap, in whatever form and whoever copied it; and soon after the end
// next to nothing of it is left.
func TestSoundStaysInLockedMemory(t *testing.T) {
	t.Parallel()
	// left is what may remain, in bytes: small pieces that share a page with what is still in use. An encoder's buffers are its
	// largest part; without a look at the end it is 250,000 and more.
	for codec, left := range map[string]int{"wav": 4 << 10, "flac": 64 << 10, "opus": 24 << 10} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			seconds, later := 5.0, time.Duration(0)
			if os.Getenv("TACET_SOAK") != "" {
				seconds, later = 20, time.Minute
			}
			c := consult(t, codec, seconds)
			if slices.Contains(c.Warnings(), "memory-unlocked") {
				if os.Geteuid() == 0 {
					t.Fatal("memory can't be locked")
				}
				t.Skip("this user may not lock memory")
			}
			during := c.in(c.during)
			if !slices.ContainsFunc(during, ring) {
				t.Errorf("nothing is found in the ring: this test looks at the wrong place: %v", during)
			}
			t.Logf("while recording: %d bytes; %v", total(during), during)
			all := during
			limit := time.Now().Add(10 * time.Second)
			after := c.now(t)
			for total(after) > left && time.Now().Before(limit) {
				all = append(all, after...)
				after = c.now(t)
			}
			t.Logf("after the end: %d bytes; %v", total(after), after)
			if total(after) > left {
				t.Errorf("%d bytes are left 10 s after the end, more than %d", total(after), left)
			}
			if later > 0 {
				<-time.After(later)
				after = c.now(t)
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

// Where memory can't be locked the unit says so, and records; its own ring of samples is locked all the same.
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
	if !slices.ContainsFunc(during, ring) {
		t.Errorf("the ring is not locked: %v", during)
	}
}
