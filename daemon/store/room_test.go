//go:build unix

package store

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
)

// A store is full when it refuses a write, and not before: not if its space is unknown, nor larger
// than a number holds, nor because it says so. A trial finds the same.
func TestRoomIsWhatIsTaken(t *testing.T) {
	for what, c := range map[string]struct {
		say  func(d *durabletest.Disk)
		full bool
	}{
		"endless":            {say: func(d *durabletest.Disk) { d.SetSpace(math.MaxInt64, math.MaxInt64, nil) }},
		"unknown":            {say: func(d *durabletest.Disk) { d.SetSpace(0, 0, errors.ErrUnsupported) }},
		"full by its word":   {say: func(d *durabletest.Disk) { d.SetSpace(0, 1<<40, nil) }},
		"less than nothing":  {say: func(d *durabletest.Disk) { d.SetSpace(-16384<<10, 1<<40, nil) }},
		"full":               {say: func(d *durabletest.Disk) { d.Full(1000) }, full: true},
		"full, and says not": {say: func(d *durabletest.Disk) { d.Full(1000); d.SetSpace(1<<40, 1<<40, nil) }, full: true},
		"full, and nobody knows": {say: func(d *durabletest.Disk) { d.Full(1000); d.SetSpace(0, 0, errors.ErrUnsupported) },
			full: true},
	} {
		in(t, 1, func(w *world) {
			disk := w.sticks[0].disk
			c.say(disk)
			_, err := Probe(w.Context(), w.sticks[0])
			if got := (*Trouble)(nil); errors.As(err, &got) != c.full || c.full && got.Code != health.StoreFull {
				t.Errorf("%s: a try says %v", what, err)
			}
			name := w.record(0, 1000, 1_500_000)
			w.start()
			defer w.end()
			if !c.full {
				w.copied(time.Minute)
				if got, err := disk.Safe(name); err != nil || !bytes.Equal(got, w.wrote[name]) {
					t.Errorf("%s: the copy is not there (%v)", what, err)
				}
			} else {
				w.within(time.Minute, "store-full", func() bool { return w.set.Stores()[0].State == "full" })
			}
			if _, err := disk.Stat(spaceTestName); err == nil {
				t.Errorf("%s: the file that was written to see whether there is room is left", what)
			}
		})
	}
}
