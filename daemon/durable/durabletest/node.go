package durabletest

import (
	"io/fs"
	"path"
	"time"
)

// Keys, besides a file's sectors, of two things that are also written and synced.
const (
	length = -1
	frozen = -2 // read-only
)

// sector is the unit that a disk writes completely or not at all.
const sector = 512

// node is a file. The disk's lock guards it.
type node struct {
	kind          fs.FileMode    // 0: a regular file
	data          []byte         // what can be read
	platter       []byte         // what is on the disk
	frozen        bool           // as Stat reports
	platterFrozen bool           // as on the disk
	dirty         map[int64]bool // sectors that the next sync writes, and the keys above
	lost          map[int64]bool // sectors that a failed sync marked clean: no later sync writes them
	failed        string         // the operation after which nothing may be written
}

func newNode(kind fs.FileMode) *node {
	return &node{kind: kind, dirty: map[int64]bool{}, lost: map[int64]bool{}}
}

// touch marks the sectors of a range, and the length, as written but not synced.
func (n *node) touch(from, to int64) {
	n.dirty[length] = true
	for b := from / sector; b*sector < to; b++ {
		n.dirty[b] = true
	}
}

// settle writes the length and the sectors chosen by keep to the platter. Other sectors stay as
// they were on the platter; if there was nothing, fill fills them.
func (n *node) settle(size int64, keep func(block int64) bool, fill func([]byte)) {
	now := make([]byte, size)
	for at := int64(0); at < size; at += sector {
		part := now[at:min(at+sector, size)]
		switch {
		case keep(at / sector):
			copy(part, tail(n.data, at))
		case at < int64(len(n.platter)):
			copy(part, tail(n.platter, at))
		default:
			fill(part)
		}
	}
	n.platter = now
	if keep(frozen) {
		n.platterFrozen = n.frozen
	}
}

func tail(data []byte, at int64) []byte { return data[min(at, int64(len(data))):] }

// unsynced counts the sectors, and the length, that a power cut may lose.
func (n *node) unsynced() int {
	if n.dirty[frozen] {
		return len(n.dirty) - 1
	}
	return len(n.dirty)
}

func (n *node) sync() {
	n.settle(int64(len(n.data)), func(b int64) bool { return !n.lost[b] }, func([]byte) {})
	clear(n.dirty)
}

// failSync does what the kernel does after an error: it marks all sectors clean, and no later call
// reports that.
func (n *node) failSync() {
	for b := range n.dirty {
		n.lost[b] = true
	}
	clear(n.dirty)
}

func (n *node) info(name string) fs.FileInfo {
	mode := n.kind | 0o600
	if n.frozen {
		mode = n.kind | 0o400
	}
	return info{name: path.Base(name), size: int64(len(n.data)), mode: mode}
}

// info describes a file. It has no times: nothing that survives a power cut may depend on them.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }
