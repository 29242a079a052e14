package memory

import (
	"runtime"
	"runtime/debug"
)

// Forget gives back to the kernel what this process no longer uses, and so wipes it. It stops the program for a moment (two
// collections, some milliseconds), and is meant for the end of a recording.
func Forget() {
	runtime.GC() // what a pool holds survives the first
	debug.FreeOSMemory()
}
