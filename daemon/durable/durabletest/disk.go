// Package durabletest is a disk for tests: in memory, at least as strict as a real one, and faulty
// on demand.
//
//	disk := durabletest.NewDisk(seed)
//	disk.FailAt(7, syscall.EIO, true)     // the 7th operation from now is done, and says it was not
//	… run the program on disk …
//	disk = disk.PowerCut(50, durabletest.Sector)
//	… run its recovery on disk, and look what is left …
//	if v := disk.Violations(); len(v) > 0 { t.Error(v) }
//
// It remembers for each block of a file whether it was synced or only written, and for each name
// whether its folder was synced since: [Disk.PowerCut] keeps the first and gambles with the rest.
// After a failed Sync what was written still reads back, a later Sync says nil, and the next power
// cut loses it, as on Linux.
//
// It also judges. [Disk.Violations] tells of each breach of the rules that daemon/durable states:
// writing on in a file after a failed write or sync, giving a name to bytes that were never synced,
// using a closed file.
//
// Every operation counts, in [Disk.Ops], so that a test can fail or cut at each one in turn.
package durabletest

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"tacet/daemon/durable"
)

// ErrOff is what every operation on a disk returns after its power was cut or its process killed.
var ErrOff = errors.New("the power is off")

// Disk is a [durable.FS]. All of it is safe for use by any number of goroutines.
type Disk struct {
	mu       sync.Mutex // guards all below, and every node and handle of the disk
	rng      *rand.Rand
	names    map[string]*node // what the running system sees
	platter  map[string]*node // the names that a power cut leaves
	pending  []change         // changes to names since their folder was synced, in order
	dirs     map[string]bool
	ops      int
	faults   []fault
	limit    int64 // bytes that all files together may have; negative: no limit
	readOnly bool
	told     *space // of its room; nil: the truth
	lies     bool   // syncs say nil and do nothing
	slow     time.Duration
	hang     chan struct{} // not nil: syncs wait until it is closed
	off      chan struct{} // closed when the power is off
	handles  int
	violated *[]string // shared with the disks that come after this one
}

// A change to names that is not durable yet: to now names n; from, if any, is gone.
type change struct {
	from, to string
	n        *node // nil: removed
	lost     bool  // a sync of the folder failed since: the next one has nothing to write, and says nil
}

// NewDisk returns an empty disk. All its chance comes from seed.
func NewDisk(seed uint64) *Disk {
	return &Disk{
		rng:      rand.New(rand.NewPCG(seed, 0x7ace7)),
		names:    map[string]*node{},
		platter:  map[string]*node{},
		dirs:     map[string]bool{".": true},
		limit:    -1,
		off:      make(chan struct{}),
		violated: new([]string),
	}
}

var _ durable.FS = (*Disk)(nil)

func (d *Disk) Create(name string) (durable.File, error) {
	var f durable.File
	err := d.do("create", name, func() error {
		switch {
		case d.names[name] != nil || d.dirs[name]:
			return fs.ErrExist
		case d.readOnly:
			return errReadOnly
		case d.free() <= 0:
			return errFull
		case !d.dirs[path.Dir(name)]:
			return fs.ErrNotExist
		}
		n := newNode(0)
		d.change(change{to: name, n: n})
		f = d.open(name, n, true)
		return nil
	})
	if err != nil {
		if f != nil { // made, and said to have failed: nobody can close it
			d.mu.Lock()
			d.handles--
			d.mu.Unlock()
		}
		return nil, err
	}
	return f, nil
}

func (d *Disk) Append(name string) (durable.File, error) { return d.existing("append", name, true) }

func (d *Disk) Open(name string) (durable.File, error) { return d.existing("open", name, false) }

func (d *Disk) existing(op, name string, write bool) (durable.File, error) {
	var n *node
	err := d.do(op, name, func() error {
		n = d.names[name]
		switch {
		case n == nil && !d.dirs[name]:
			return fs.ErrNotExist
		case n == nil || n.kind != 0:
			return durable.ErrNotRegular
		case write && n.frozen:
			return fs.ErrPermission
		case write && d.readOnly:
			return errReadOnly
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.open(name, n, write), nil
}

func (d *Disk) Rename(from, to string) error {
	return d.do("rename", from, func() error {
		n := d.names[from]
		switch {
		case !fs.ValidPath(to) || d.dirs[to]:
			return fs.ErrInvalid
		case n == nil || !d.dirs[path.Dir(to)]:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		if unsynced := n.unsynced(); unsynced > 0 {
			d.violate("%s renamed to %s with %d blocks not synced", from, to, unsynced)
		}
		d.change(change{from: from, to: to, n: n})
		return nil
	})
}

func (d *Disk) Remove(name string) error {
	return d.do("remove", name, func() error {
		switch {
		case d.names[name] == nil:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		d.change(change{to: name})
		return nil
	})
}

func (d *Disk) Stat(name string) (fs.FileInfo, error) {
	var info fs.FileInfo
	err := d.do("stat", name, func() (err error) {
		info, err = d.stat(name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func (d *Disk) ReadDir(name string) ([]fs.DirEntry, error) {
	var entries []fs.DirEntry
	err := d.do("readdir", name, func() error {
		if !d.dirs[name] {
			return fs.ErrNotExist
		}
		for _, in := range d.all() {
			if in != "." && path.Dir(in) == name {
				info, err := d.stat(in)
				if err != nil {
					return err
				}
				entries = append(entries, fs.FileInfoToDirEntry(info))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

func (d *Disk) SyncDir(name string) error {
	if err := d.wait(); err != nil {
		return &fs.PathError{Op: "syncdir", Path: name, Err: err}
	}
	synced, left := false, drop()
	err := d.do("syncdir", name, func() error {
		synced = true
		if left {
			return nil
		}
		return d.syncDir(name)
	})
	if err != nil && !synced {
		d.mu.Lock()
		defer d.mu.Unlock()
		for i, c := range d.pending {
			d.pending[i].lost = c.lost || path.Dir(c.to) == name
		}
	}
	return err
}

// syncDir writes the folder if anything in it changed since the last try: all of it then, also what
// that try lost.
func (d *Disk) syncDir(name string) error {
	in := func(c change) bool { return path.Dir(c.to) == name }
	changed := slices.ContainsFunc(d.pending, func(c change) bool { return in(c) && !c.lost })
	switch {
	case !d.dirs[name]:
		return fs.ErrNotExist
	case !changed:
		return nil
	case d.readOnly:
		return errReadOnly
	}
	d.pending = slices.DeleteFunc(d.pending, func(c change) bool {
		if in(c) {
			c.apply(d.platter)
		}
		return in(c)
	})
	return nil
}

func (d *Disk) Freeze(name string) error {
	return d.do("freeze", name, func() error {
		n := d.names[name]
		switch {
		case n == nil:
			return fs.ErrNotExist
		case d.readOnly:
			return errReadOnly
		}
		n.frozen, n.dirty[frozen] = true, true
		return nil
	})
}

func (d *Disk) Writable() error {
	return d.do("access", ".", func() error {
		if d.readOnly {
			return errReadOnly
		}
		return nil
	})
}

func (d *Disk) Space() (free, total int64, err error) {
	err = d.do("space", ".", func() error {
		const size = 1 << 40
		if d.told != nil {
			free, total = d.told.free, d.told.total
			return d.told.err
		}
		if free = d.free(); d.limit < 0 {
			total = size
		} else {
			total = d.limit
		}
		return nil
	})
	return free, total, err
}

// space is what a disk says of its room.
type space struct {
	free, total int64
	err         error
}

// Says makes the disk say that of its room, whatever is true.
func (d *Disk) Says(free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.told = &space{free, total, err}
}

// Mkdir makes a folder, durable at once.
func (d *Disk) Mkdir(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirs[name] = true
}

// Foreign puts something at name that is no file: a link, a pipe, a device.
func (d *Disk) Foreign(name string, kind fs.FileMode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newNode(kind)
	d.names[name], d.platter[name] = n, n
}

// change makes a change to names that the running system sees at once, and a power cut perhaps.
func (d *Disk) change(c change) {
	c.apply(d.names)
	d.pending = append(d.pending, c)
}

func (c change) apply(names map[string]*node) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.n == nil {
		delete(names, c.to)
		return
	}
	names[c.to] = c.n
}

func (d *Disk) all() []string {
	var all []string
	for name := range d.names {
		all = append(all, name)
	}
	for name := range d.dirs {
		all = append(all, name)
	}
	slices.SortFunc(all, strings.Compare)
	return all
}

func (d *Disk) stat(name string) (fs.FileInfo, error) {
	if d.dirs[name] {
		return info{name: path.Base(name), mode: fs.ModeDir | 0o700}, nil
	}
	n := d.names[name]
	if n == nil {
		return nil, fs.ErrNotExist
	}
	return n.info(name), nil
}

// free is how many bytes may still be written.
func (d *Disk) free() int64 {
	used := int64(0)
	for _, n := range d.names {
		used += int64(len(n.data))
	}
	if d.limit < 0 {
		return 1<<40 - used
	}
	return max(0, d.limit-used)
}

func (d *Disk) violate(format string, args ...any) {
	if len(*d.violated) < 100 {
		*d.violated = append(*d.violated, fmt.Sprintf(format, args...))
	}
}
