package daemon_test

import (
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
)

// kill ends the daemon as SIGKILL does, and boots another. It returns how many samples the one recording has then, and how long
// before the kill the last of them was captured.
func (r *room) kill() (samples int64, lost time.Duration) {
	r.Helper()
	at := time.Now()
	spool, own, memory := r.spool.Kill(), r.own.Kill(), r.memory.Kill()
	pause(time.Millisecond)
	r.halt()        // its disks are gone: what it returns does not matter
	synctest.Wait() // what still looked at its lock has let go of it
	r.spool, r.own, r.memory, r.killed = spool, own, memory, true
	r.boot()
	pause(3 * time.Second)
	all := r.reports()
	if len(all) != 1 || all[0].State != recording.Interrupted {
		for _, rep := range all {
			r.Errorf("it is %v: %s; end %+v", rep.State, rep.Why, rep.End)
		}
		r.Fatalf("%d recordings after the kill; warnings %v", len(all), r.warnings())
	}
	r.noTail()
	if samples = all[0].End.Samples; samples == 0 {
		return 0, at.Sub(all[0].Head.Started)
	}
	_, last := r.span(r.kept(0)[:samples])
	return samples, -since(at, last)
}

// tail is where the tail ends that lies in memory, in samples since the recording's start; 0 without one.
func (r *room) tail() (samples int64) {
	r.Helper()
	entries, err := r.memory.ReadDir(".")
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".tail") {
			continue
		}
		data, err := durable.ReadFile(r.memory, e.Name(), recording.MaxTail)
		if err != nil {
			r.Fatal(err)
		}
		last := regexp.MustCompile(`(\d{6})\.json\x00`).FindAllSubmatch(data, -1)
		short := regexp.MustCompile(`"samples":(\d+)}\n`).FindAllSubmatch(data, -1)
		if len(short) == 0 {
			continue // only full seconds
		}
		segment, _ := strconv.ParseInt(string(last[len(last)-1][1]), 10, 64)
		more, _ := strconv.ParseInt(string(short[len(short)-1][1]), 10, 64)
		return (segment-1)*rate + more
	}
	return 0
}

// noTail fails the test where one is left.
func (r *room) noTail() {
	r.Helper()
	entries, err := r.memory.ReadDir(".")
	if err != nil || len(entries) > 0 {
		r.Errorf("%d files are left in memory, %v", len(entries), err)
	}
}

// Promise 5: a killed process costs at most one second, whenever it is killed.
func TestKillCostsASecondAtMost(t *testing.T) {
	var worst time.Duration
	for after := 250 * time.Millisecond; after < 4*time.Second; after += 47 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			r := recordingRoom(t, "room")
			pause(after)
			samples, lost := r.kill()
			if lost > time.Second {
				t.Errorf("killed %v into a recording: %d samples are left, the last %v are lost", after, samples, lost)
			}
			worst = max(worst, lost)
			r.recordsAgain()
			r.finish()
		})
	}
	t.Logf("at worst %v", worst)
}

// That holds while the disk doesn't answer, too.
func TestKillWithASlowDisk(t *testing.T) {
	var worst time.Duration
	for after := 500 * time.Millisecond; after < 40*time.Second; after += 47*time.Millisecond + max(0, after-3*time.Second)/4 {
		synctest.Test(t, func(t *testing.T) {
			r := recordingRoom(t, "room")
			pause(3 * time.Second)
			defer r.spool.Hang()()
			pause(after)
			samples, lost := r.kill()
			if lost > time.Second {
				t.Errorf("killed %v after the disk stopped: %d samples are left, the last %v are lost", after, samples, lost)
			}
			worst = max(worst, lost)
			r.finish()
		})
	}
	t.Logf("at worst %v", worst)
}

// A power cut empties the memory, and costs no more than it did.
func TestPowerCutHasNoTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2600 * time.Millisecond)
		tail := r.tail()
		spool, own := r.spool.PowerCut(0, durabletest.Sector), r.own.PowerCut(0, durabletest.Sector)
		r.halt()
		synctest.Wait()
		r.spool, r.own = spool, own
		r.boot()
		pause(3 * time.Second)
		all := r.reports()
		if len(all) != 1 || all[0].End == nil || all[0].End.Samples != all[0].Segments*rate || all[0].Segments < 2 || tail <= all[0].End.Samples {
			t.Errorf("the tail ended at %d; recovered %+v", tail, all[0].End)
		}
		r.finish()
	})
}

// What a disk refused is in the recording all the same, once it can be written again.
func TestRefusedSecondsAreInTheTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2500 * time.Millisecond)
		r.spool.FailOn("write", 1, syscall.EIO, false)
		pause(8 * time.Second)
		all := r.reports()
		if len(all) != 1 || all[0].State != recording.Interrupted {
			t.Fatalf("recovered %+v", all)
		}
		if kept := int64(len(r.kept(0))); all[0].End.Samples < kept-rate/2 || all[0].End.Samples > kept || all[0].End.Samples <= 2*rate {
			t.Errorf("%d samples are left of %d", all[0].End.Samples, kept)
		}
		r.noTail()
		r.finish()
	})
}

// The last of them is shorter than the others, and says so.
func TestALastSecondInTheTailIsAsShortAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := recordingRoom(t, "room")
		pause(2500 * time.Millisecond)
		answer := r.spool.Hang()
		pause(3750 * time.Millisecond)
		r.spool.FailOn("sync", 1, syscall.EIO, false)
		answer()
		pause(8 * time.Second)
		all, kept := r.reports(), int64(len(r.kept(0)))
		if len(all) != 1 || all[0].State != recording.Interrupted || all[0].End.Samples != kept || kept%rate == 0 {
			t.Errorf("%d samples were kept; recovered %+v", kept, all[0].End)
		}
		r.finish()
	})
}

// A tail never holds a sample that the recording doesn't get: none behind the first edge of a withdrawal, and none that is cut
// off with it. It goes with the recording's end.
func TestTailHoldsNoMoreThanTheRecording(t *testing.T) {
	seen := 0
	for after := 400 * time.Millisecond; after < 2*time.Second; after += 41 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			r := recordingRoom(t, "room")
			var most int64
			look := func(d time.Duration) {
				for end := time.Now().Add(d); time.Now().Before(end); pause(10 * time.Millisecond) {
					if n := r.tail(); n > most {
						most, seen = n, seen+1
					}
				}
			}
			look(after)
			edge := time.Now()
			pressed := make(chan struct{})
			go func() { defer close(pressed); r.press("room") }()
			look(5 * time.Second)
			<-pressed
			all := r.reports()
			if len(all) != 1 || all[0].State != recording.Whole {
				t.Fatalf("%+v", all)
			}
			if kept := all[0].End.Samples; most > kept {
				t.Errorf("a tail had %d samples, the recording has %d", most, kept)
			}
			if kept := int64(len(r.kept(0))); most > 0 && most <= kept {
				if _, last := r.span(r.kept(0)[:most]); since(edge, last) > 0 {
					t.Errorf("a tail had a sample of %v after the press", since(edge, last))
				}
			}
			r.noTail()
			r.finish()
		})
	}
	if seen < 25 {
		t.Errorf("only %d tails were seen", seen)
	}
}

// Without a folder in memory, or with one that is broken, everything else is as it should be.
func TestTailsThatCannotBeWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(t, "room")
		r.boot()
		r.phase("idle", time.Second)
		r.memory.FailFrom(1, syscall.ENOSPC)
		r.recordsAgain()
		if all := r.reports(); len(all) != 1 || all[0].State != recording.Whole || len(r.warnings()) > 0 {
			t.Errorf("%+v, warnings %v", all, r.warnings())
		}
		r.finish()
	})
}
