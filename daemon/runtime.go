package daemon

import (
	"os"
	"runtime"
	"runtime/debug"
)

// TuneRuntime tunes the Go runtime for a small unit. Programs call it before Run. GOMAXPROCS and
// GOGC in the environment take precedence.
//
// It limits Go code to one processor. A unit's cost is its wake-ups, about forty a second, not its
// work; with one processor no wake-up rouses a second thread to look for work, which saves a
// quarter of the total. Calls into C and blocking writes still release the processor.
//
// It keeps the heap small by collecting more often. The daemon makes little garbage, so this halves
// the memory of a recording for one collection every few seconds.
func TuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(20)
	}
}
