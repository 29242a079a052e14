package disk

import (
	"slices"
	"testing"
	"time"

	"tacet/daemon/durable/durabletest"
	"tacet/daemon/ledger"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/store"
)

// The stores read from the ledger what they and the unit wrote to it.
func TestCopyLog(t *testing.T) {
	unit := recordingtest.NewUnit(t, "high-street", "room-3")
	own, err := ledger.Open(durabletest.NewDisk(1), "ledger", "tacet/high-street/room-3/ledger", unit.Signer, true)
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	const a, b = "7q4k9mz2ha", "0000000001"
	l, unset := &copyLog{own, wall{}}, &copyLog{own, unsetWall{}}
	for _, err := range []error{
		own.Append(ledger.Entry{Type: ledger.Boot, Time: time.Now(), Boot: "boot1"}),
		l.Copied(a, "drive"),
		unset.Copied(a, "nas"),
		l.Released(a),
		l.Expired(a, "drive"),
		own.Append(ledger.Entry{Type: ledger.Erased, Time: time.Now(), ID: b}), // by Disk.Erase
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	type line struct {
		what      store.Deed
		id, place string
		dated     bool
	}
	var got []line
	if err := l.History(func(what store.Deed, id, place string, at time.Time) {
		got = append(got, line{what, id, place, time.Since(at).Abs() < time.Minute})
	}); err != nil {
		t.Fatal(err)
	}
	want := []line{
		{store.WasCopied, a, "drive", true}, {store.WasCopied, a, "nas", false},
		{store.WasReleased, a, "", false}, {store.WasExpired, a, "drive", false}, {store.WasDropped, b, "", false},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// wall is a clock that is right.
type wall struct{}

func (wall) Now() time.Time           { return time.Now() }
func (wall) Synced() bool             { return true }
func (wall) Suspended() time.Duration { return 0 }

// unsetWall is a clock that nobody has set.
type unsetWall struct{ wall }

func (unsetWall) Synced() bool { return false }
