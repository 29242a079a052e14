package daemon

import (
	"os"
	"runtime"
)

// Frugal lets this process run on one processor at a time, unless GOMAXPROCS in
// its environment says otherwise. What a unit costs is not its work but its
// wake-ups, some forty a second: on one processor none of them rouses another
// thread to look for work that isn't there, which saves a quarter of the whole.
// Calls into the sound library and the encoder, and writes that block, still
// leave the processor to others. A program calls it before Run.
func Frugal() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}
