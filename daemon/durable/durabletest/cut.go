package durabletest

import (
	"math/rand/v2"
	"slices"
)

// Tear is the size of the pieces in which a power cut keeps or loses what was not synced.
type Tear int64

const (
	Sector Tear = 512
	Page   Tear = 4096
)

// PowerCut switches the power off, whatever is going on, and returns the disk as the next start
// finds it. Of what was not synced each piece is kept with a chance of keep percent; what was not
// kept reads as before or, beyond the file's former end, as zeros or as rubbish from an earlier
// file. Names whose folder was not synced are kept either as a journal does, up to a moment, or
// each by itself, as FAT does.
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
	cut := map[*node]*node{} // a file may have two names when only half of a rename was kept
	for _, name := range sorted(names) {
		n := names[name]
		if cut[n] == nil {
			cut[n] = n.cut(d.rng, keep, tear)
		}
		next.names[name], next.platter[name] = cut[n], cut[n]
	}
	return next
}

// Kill ends the process that uses the disk, and returns the disk as its successor finds it: nothing
// is lost, and nothing more is synced than was before. Faults that were ordered are forgotten.
func (d *Disk) Kill() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.switchOff()
	next := NewDisk(d.rng.Uint64())
	next.names, next.platter, next.pending, next.dirs = d.names, d.platter, d.pending, d.dirs
	next.violated, next.limit, next.readOnly = d.violated, d.limit, d.readOnly
	return next
}

// switchOff makes every operation under way and to come fail.
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
	left.data, left.platter, left.frozen, left.icy = n.data, n.platter, n.frozen, n.icy
	left.settle(n.cutLength(rng, keep, tear), kept, fill)
	left.data, left.frozen = left.platter, left.icy
	return left
}

// cutLength is the file's length after a power cut: the synced one, the written one, or one
// between.
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
