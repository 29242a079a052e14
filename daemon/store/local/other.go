//go:build linux

package local

import (
	"os"
	"strings"

	"tacet/daemon/store"
	"tacet/daemon/store/local/mounts"
)

// Other is another folder of recordings: the unit's spool, or another store.
type Other struct {
	Path string
	What string // for people
}

// isOther refuses a folder that is one of the others, reached by another path: a link or a bind
// mount. A copy there would be the other's own file, and would be removed with it: when the unit
// releases its recording, or when one of two stores removes an old copy.
func (m *medium) isOther(others []Other) *store.Trouble {
	here, err := m.root.Stat(".")
	if err != nil {
		return nil // Check says more
	}
	table, err := m.readTable()
	if err != nil {
		return nil
	}
	for _, o := range others {
		if at := mountOf(o.Path, table); at.Device != m.mount.Device && mayHang(at) {
			continue // it can't be the same, and the server might not answer
		}
		if there, err := os.Stat(o.Path); err == nil && os.SameFile(here, there) {
			return trouble(failed, "%s is the same folder as %s, %s: a copy there would be no second one; "+
				"name a folder on another disk", m.path, o.What, o.Path)
		}
	}
	return nil
}

// mountOf returns the mount that a path leads to, by its name alone.
func mountOf(path string, table mounts.Table) (found mounts.Mount) {
	for _, m := range table {
		if within(path, m.Point) && len(m.Point) >= len(found.Point) {
			found = m
		}
	}
	return found
}

// mayHang reports whether looking at a mount may wait for a server or a program.
func mayHang(m mounts.Mount) bool {
	switch m.FSType {
	case "autofs", "cifs", "smb3", "nfs", "nfs4", "9p", "ceph":
		return true
	}
	return strings.HasPrefix(m.FSType, "fuse")
}
