package daemon

import (
	"tacet/daemon/health"
	"tacet/daemon/memory"
)

// MemoryUnlocked puts up, or with nil takes down, the warning that what is said in the room may reach swap: why memory.Lock failed.
func (d *Daemon) MemoryUnlocked(err error) { d.set(health.MemoryUnlocked, err) }

// forget wipes what an ended recording has left in the heap: pages that nothing uses go back to the kernel. It takes some
// milliseconds, of which the owner waits for none but the collector's own pauses.
func (d *Daemon) forget() {
	if frugal.Load() {
		go memory.Forget()
	}
}
