//go:build unix

package durable

import (
	"errors"
	"math"
	"testing"
)

// Space that overflows an int64 is the largest int64, and a disk of no blocks doesn't know.
func TestMeasure(t *testing.T) {
	const most = math.MaxInt64
	for _, c := range []struct {
		free, all, block  uint64
		wantFree, wantAll int64
		unknown           bool
	}{
		{10, 100, 4096, 40960, 409600, false},
		{0, 100, 4096, 0, 409600, false},
		{1 << 52, 1 << 52, 4096, most, most, false},            // 16 EiB, as s3fs has it
		{1<<51 - 1, 1 << 51, 4096, most - 4095, most, false},   // 8 EiB
		{math.MaxUint64, math.MaxUint64, 1, most, most, false}, // all bits set
		{math.MaxUint64, math.MaxUint64, 1 << 20, most, most, false},
		{1 << 31, 1 << 31, 16 << 20, 1 << 55, 1 << 55, false},
		{0, 0, 4096, 0, 0, true},
		{5, 5, 0, 0, 0, true},
	} {
		free, all, err := measure(c.free, c.all, c.block)
		if free != c.wantFree || all != c.wantAll || errors.Is(err, errors.ErrUnsupported) != c.unknown {
			t.Errorf("%d of %d blocks of %d are %d of %d bytes (%v)", c.free, c.all, c.block, free, all, err)
		}
	}
}
