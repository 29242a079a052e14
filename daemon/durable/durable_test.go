package durable_test

import (
	"bytes"
	"errors"
	"testing"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

// writeOver runs WriteFile over older content, on a disk prepared by order, and returns the result.
func writeOver(t *testing.T, seed uint64, order func(*durabletest.Disk)) (*durabletest.Disk, error) {
	t.Helper()
	disk := durabletest.NewDisk(seed)
	if err := durable.WriteFile(disk, "a", before); err != nil {
		t.Fatal(err)
	}
	order(disk)
	return disk, durable.WriteFile(disk, "a", after)
}

var before, after = bytes.Repeat([]byte("before"), 1000), bytes.Repeat([]byte("after"), 2000)

// steps is the number of operations of WriteFile without errors.
func steps(t *testing.T) int {
	from := 0
	disk, err := writeOver(t, 0, func(d *durabletest.Disk) { from = d.Ops() })
	if err != nil {
		t.Fatal(err)
	}
	return disk.Ops() - from
}

// wholly expects one of the two contents; the new one if it was acknowledged.
func wholly(t *testing.T, disk *durabletest.Disk, promised bool, when string, args ...any) {
	t.Helper()
	got, err := durable.ReadFile(disk, "a", 1<<20)
	switch {
	case err != nil:
		t.Errorf(when+": %v", append(args, err)...)
	case promised && !bytes.Equal(got, after):
		t.Errorf(when+": what was promised is lost", args...)
	case !bytes.Equal(got, after) && !bytes.Equal(got, before):
		t.Errorf(when+": the file holds neither the old nor the new", args...)
	}
}

// Whichever operation fails, and however: the file holds the old or the new content, and what was
// acknowledged stays.
func TestWriteFileFails(t *testing.T) {
	for n := range steps(t) {
		for _, fault := range durabletest.Faults() {
			for _, done := range []bool{false, true} {
				when, args := "operation %d fails with %v (done: %v)", []any{n + 1, fault, done}
				disk, err := writeOver(t, uint64(n), func(d *durabletest.Disk) { d.FailAt(n+1, fault, done) })
				if !errors.Is(err, fault) {
					t.Errorf(when+": it returned %v", append(args, err)...)
				}
				wholly(t, disk, false, when, args...)
				if disk.Handles() != 0 || len(disk.Violations()) != 0 {
					t.Errorf(when+": %d files open, violations %q", append(args, disk.Handles(), disk.Violations())...)
				}
				left, _ := disk.ReadDir(".")
				if len(left) > 1 && n > 0 { // what was made although it failed is left to the next writer
					t.Errorf(when+": %v are left", append(args, left)...)
				}
				wholly(t, disk.PowerCut(50, durabletest.Sector), false, when+", then a power cut", args...)
			}
		}
	}
}

// Whenever the power fails, and whatever the disk then keeps: the same, and a second try succeeds.
func TestWriteFileCut(t *testing.T) {
	for n := range steps(t) + 1 {
		for seed := range uint64(50) {
			for _, keep := range []int{0, 50, 100} {
				disk, err := writeOver(t, seed, func(d *durabletest.Disk) { d.CutAt(n + 1) })
				disk = disk.PowerCut(keep, durabletest.Sector)
				wholly(t, disk, err == nil, "cut at operation %d, keep %d, seed %d", n+1, keep, seed)
				if err := durable.WriteFile(disk, "a", after); err != nil {
					t.Errorf("the next try: %v", err)
				}
				wholly(t, disk.PowerCut(0, durabletest.Page), true, "after the next try")
			}
		}
	}
}
