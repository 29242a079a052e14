//go:build unix

package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/recording"
)

// A stage writes recordings to a disk as the daemon does, and remembers what was acknowledged.
type stage struct {
	actors
	disk    *durabletest.Disk
	scripts []script
	acked   map[string]int64 // bytes that Append returned nil for; the name is there once Create did
	ended   map[string]bool  // Append returned nil for the last piece too
	played  int
}

func newStage(a actors, scripts []script, seed uint64) *stage {
	return &stage{
		actors: a, disk: durabletest.NewDisk(seed), scripts: scripts,
		acked: map[string]int64{}, ended: map[string]bool{},
	}
}

// life is a start and the next few recordings. A recording that fails is recovered, then left.
func (g *stage) life(recordings int) {
	s, err := Open(g.disk)
	if err != nil {
		return
	}
	if _, err := s.Recover(g.unit.Signer, "boot"); err != nil {
		return
	}
	for range recordings {
		if g.played == len(g.scripts) {
			return
		}
		g.play(s, g.scripts[g.played])
		g.played++
	}
}

func (g *stage) play(s *Spool, r script) {
	f, err := s.Create(r.name)
	if err != nil {
		return
	}
	g.acked[r.name] = 0
	for i, p := range r.pieces {
		if err = f.Append(p); err != nil {
			break
		}
		g.acked[r.name] += int64(len(p))
		g.ended[r.name] = i == len(r.pieces)-1
	}
	f.Close()
	if err != nil {
		s.Recover(g.unit.Signer, "boot")
	}
}

// check compares the spool with what was acknowledged, once the last start has recovered everything.
func (g *stage) check(t *testing.T, when string) {
	t.Helper()
	if v := g.disk.Violations(); len(v) > 0 {
		t.Fatalf("%s: %q", when, v)
	}
	s := open(t, g.disk)
	found, err := s.Recover(g.unit.Signer, "last boot")
	check(t, err)
	for _, r := range found {
		if r.Err != nil {
			t.Fatalf("%s: %+v", when, r)
		}
	}
	// A cut in a piece with several notes may keep a later one without an earlier one. That looks
	// like damage, so the old bytes are kept; what was acknowledged is still in the recording.
	there := slices.DeleteFunc(names(t, g.disk), func(n string) bool { return strings.HasSuffix(n, damagedSuffix) })
	for _, r := range g.scripts[:g.played] {
		acked, promised := g.acked[r.name]
		if !slices.Contains(there, r.name) {
			if promised && acked > 0 {
				t.Fatalf("%s: %s is gone, of which %d bytes were acknowledged", when, r.name, acked)
			}
			continue
		}
		there = slices.DeleteFunc(there, func(n string) bool { return n == r.name })
		whole, have := r.all(), bytesOf(t, g.disk, r.name)
		if !bytes.HasPrefix(have, whole[:acked]) {
			t.Fatalf("%s: of %s %d bytes were acknowledged, and are not there", when, r.name, acked)
		}
		if g.ended[r.name] && !bytes.Equal(have, whole) {
			t.Fatalf("%s: %s was finished, and is not as it was", when, r.name)
		}
		if state := state(t, g.disk, r.name); !state.Complete() {
			t.Fatalf("%s: %s is %v", when, r.name, state)
		}
	}
	if len(there) > 0 {
		t.Fatalf("%s: %v is left over", when, there)
	}
	if again, err := s.Recover(g.unit.Signer, "one more"); err != nil || len(again) > 0 {
		t.Fatalf("%s: recovering once more found %+v (%v)", when, again, err)
	}
}

// repertoire is what the stage writes: a short recording, one of many segments, one of large segments.
func repertoire(t *testing.T, a actors) []script {
	return []script{a.write(t, 2, 300), a.write(t, 12, 900), a.write(t, 5, 9000), a.write(t, 0, 0)}
}

// operations is the number of disk operations that a life of all recordings takes.
func operations(a actors, scripts []script) int {
	g := newStage(a, scripts, 0)
	g.life(len(scripts))
	return g.disk.Ops()
}

// Promise 5, Kept: after power cuts at any moment, in recordings and recoveries, several in a row,
// nothing that was synced is lost and everything can be read. TACET_SOAK=1 tries ten times as many.
func TestPowerCuts(t *testing.T) {
	cuts := 1000
	if os.Getenv("TACET_SOAK") != "" {
		cuts = 10_000
	}
	a := cast(t)
	scripts := repertoire(t, a)
	most := operations(a, scripts)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	cut := func(g *stage) string {
		keep := []int{0, 50, 100}[rng.IntN(3)]
		tear := []durabletest.Tear{durabletest.Sector, durabletest.Page}[rng.IntN(2)]
		g.disk = g.disk.PowerCut(keep, tear)
		return fmt.Sprintf(", cut (keep %d %%, torn at %d)", keep, tear)
	}
	for done := 0; done < cuts; {
		g, when := newStage(a, scripts, rng.Uint64()), ""
		for range 1 + rng.IntN(4) {
			at := 1 + rng.IntN(most)
			if rng.IntN(2) == 0 {
				at = 1 + rng.IntN(40) // early: while the last one is recovered
			}
			g.disk.CutAt(at)
			g.life(1 + rng.IntN(len(scripts)))
			when += fmt.Sprintf(", operation %d", at) + cut(g)
			done++
		}
		g.check(t, when[2:])
	}
}

// A killed process loses nothing that was written, and its successor syncs it.
func TestKills(t *testing.T) {
	a := cast(t)
	scripts := repertoire(t, a)
	for n := range operations(a, scripts) {
		g := newStage(a, scripts, uint64(n))
		g.disk.CutAt(n + 1)
		g.life(len(scripts))
		g.disk = g.disk.Kill()
		g.life(1)
		g.disk = g.disk.PowerCut(0, durabletest.Sector)
		g.check(t, fmt.Sprintf("killed at operation %d", n+1))
	}
}

// Whichever operation fails, and however: no panic, no write after a failed one, and nothing
// acknowledged is lost.
func TestEveryOperationFails(t *testing.T) {
	a := cast(t)
	scripts := []script{a.write(t, 3, 300), a.write(t, 2, 5000), a.write(t, 1, 300)}
	for n := range operations(a, scripts) {
		for _, fault := range durabletest.Faults() {
			for _, done := range []bool{false, true} {
				when := fmt.Sprintf("operation %d fails with %v (done: %v)", n+1, fault, done)
				g := newStage(a, scripts, uint64(n))
				g.disk.FailAt(n+1, fault, done)
				g.life(len(scripts))
				if open := g.disk.Handles(); open != 0 {
					t.Fatalf("%s: %d files open", when, open)
				}
				switch n % 3 {
				case 0:
					g.disk = g.disk.PowerCut(50, durabletest.Sector)
				case 1:
					g.disk = g.disk.Kill()
					g.life(0)
					g.disk = g.disk.PowerCut(0, durabletest.Page)
				}
				g.check(t, when)
			}
		}
	}
}

// When the disk dies or fills up, at any point, the errors say so; once it is back, everything
// acknowledged is there.
func TestDiskDiesOrFills(t *testing.T) {
	a := cast(t)
	scripts := repertoire(t, a)
	for n := range operations(a, scripts) {
		g := newStage(a, scripts, uint64(n))
		g.disk.FailFrom(n+1, errors.New("dead"))
		g.life(len(scripts))
		g.disk.Mend()
		g.disk = g.disk.PowerCut(50, durabletest.Sector)
		g.check(t, fmt.Sprintf("dead from operation %d on", n+1))
	}
	size := int64(0)
	for _, r := range scripts {
		size += int64(len(r.all()))
	}
	for free := int64(0); free < size; free += 1777 {
		g := newStage(a, scripts, uint64(free))
		g.disk.Full(free)
		g.life(len(scripts))
		g.disk = g.disk.Kill()
		g.life(0) // recovers what there is room for
		g.disk.Mend()
		g.check(t, fmt.Sprintf("with room for %d bytes", free))
	}
}

// After a power cut a recording is complete up to the last synced second, and says that it was
// interrupted.
func TestCutLosesTheLastSecondOnly(t *testing.T) {
	a := cast(t)
	r := a.write(t, 10, 900)
	disk := durabletest.NewDisk(1)
	f, err := open(t, disk).Create(r.name)
	check(t, err)
	for _, p := range r.pieces[:5] {
		check(t, f.Append(p))
	}
	disk = disk.PowerCut(0, durabletest.Sector)
	got := recoverOne(t, disk, a)
	if got.End.Reason != recording.InterruptedBy || got.Cut != 0 || got.Segments < 4 ||
		got.Code() != "recording-interrupted" {
		t.Errorf("%+v", got)
	}
}
