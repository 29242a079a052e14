package durabletest

import (
	"math/rand/v2"
	"slices"
)

// Tear is the size of the pieces of unsynced data that a power cut keeps or loses.
type Tear int64

const (
	Sector Tear = 512
	Page   Tear = 4096
)

// PowerCut cuts the power and returns the disk as the next start finds it. Each piece of unsynced
// data is kept with a probability of keep percent. A lost piece is as before or, beyond the file's
// old end, holds zeros or rubbish from an earlier file. Names whose folder was not synced are kept
// either up to some moment, as by a journal, or each by itself, as by FAT.
func (d *Disk) PowerCut(keep int, tear Tear) *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.switchOff()
	next := NewDisk(d.rng.Uint64())
	next.violated, next.limit = d.violated, d.limit
	for name := range d.dirs {
		next.dirs[name] = true
	}
	names := d.platter
	for _, c := range survivors(d.rng, d.pending, keep) {
		c.apply(names)
	}
	cut := map[*node]*node{} // a file has two names if only half of a rename was kept
	for _, name := range sorted(names) {
		n := names[name]
		if cut[n] == nil {
			cut[n] = n.cut(d.rng, keep, tear)
		}
		next.names[name], next.platter[name] = cut[n], cut[n]
	}
	return next
}

// Kill kills the process that uses the disk, and returns the disk as its successor finds it:
// nothing is lost, and nothing more is synced. It ends all faults.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.switchOff()
	next := NewDisk(d.rng.Uint64())
	next.names, next.platter, next.pending, next.dirs = d.names, d.platter, d.pending, d.dirs
	next.violated, next.limit, next.readOnly = d.violated, d.limit, d.readOnly
	return next
}

// switchOff makes every current and later operation fail.
func (d *Disk) switchOff() {
	select {
	case <-d.off:
	default:
		close(d.off)
	}
}

func survivors(rng *rand.Rand, pending []change, keep int) []change {
	if keep > 0 && keep < 100 && rng.IntN(2) == 0 {
		return pending[:rng.IntN(len(pending)+1)]
	}
	var kept []change
	for _, c := range pending {
		if rng.IntN(100) < keep {
			kept = append(kept, c)
		}
	}
	return kept
}

// cut returns the file that a power cut leaves.
func (n *node) cut(rng *rand.Rand, keep int, tear Tear) *node {
	fill := func([]byte) {}
	if rng.IntN(2) == 0 {
		fill = func(part []byte) {
			for i := range part {
				part[i] = byte(rng.Uint32())
			}
		}
	}
	rolls := map[int64]bool{}
	kept := func(block int64) bool {
		if !n.dirty[block] && !n.lost[block] {
			return true
		}
		piece := block * sector / int64(tear)
		if _, rolled := rolls[piece]; !rolled {
			rolls[piece] = rng.IntN(100) < keep
		}
		return rolls[piece]
	}
	left := newNode(n.kind)
	left.data, left.platter, left.frozen, left.platterFrozen = n.data, n.platter, n.frozen, n.platterFrozen
	left.settle(n.cutLength(rng, keep, tear), kept, fill)
	left.data, left.frozen = left.platter, left.platterFrozen
	return left
}

// cutLength returns the file's length after a power cut: the synced one, the written one, or one
// between them.
func (n *node) cutLength(rng *rand.Rand, keep int, tear Tear) int64 {
	synced, written := int64(len(n.platter)), int64(len(n.data))
	switch {
	case !n.dirty[length] && !n.lost[length], keep >= 100:
		return written
	case keep <= 0:
		return synced
	}
	switch rng.IntN(3) {
	case 0:
		return synced
	case 1:
		return written
	}
	low, high := min(synced, written), max(synced, written)
	between := (low + rng.Int64N(high-low+1)) / int64(tear) * int64(tear)
	return max(low, between)
}

func sorted(names map[string]*node) []string {
	all := make([]string, 0, len(names))
	for name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
