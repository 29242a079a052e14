package daemon

import (
	"tacet/daemon/health"
)

// MemoryUnlocked puts up, or with nil takes down, the warning that what is said in the room may
// reach swap: why memory.Lock failed.
func (d *Daemon) MemoryUnlocked(err error) { d.set(health.MemoryUnlocked, err) }
