package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
)

// frugal is set where the process is the unit's alone.
var frugal atomic.Bool

// Frugal makes this process cost little. A program calls it before Run; what GOMAXPROCS and GOGC in
// its environment say comes first.
//
// It runs on one processor at a time: what a unit costs is not its work but its wake-ups, some
// forty a second, and on one processor none of them rouses another thread to look for work that
// isn't there, which saves a quarter of the whole. Calls into the sound library and the encoder,
// and writes that block, still leave the processor to others.
//
// And it keeps the heap small: a recorder makes little garbage, and a unit has little memory. It
// halves what a recording takes, for a collection every few seconds. What of the program only a
// start needs is let go of.
func Frugal() {
	frugal.Store(true)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20)
	}
}
