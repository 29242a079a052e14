// Package durabletest provides a disk for tests: in memory, at least as strict as a real one, and
// faulty on demand.
//
//	disk := durabletest.NewDisk(seed)
//	disk.FailAt(7, syscall.EIO, true)     // the 7th operation from now is done, but reports an error
//	… run the program on disk …
//	disk = disk.PowerCut(50, durabletest.Sector)
//	… run its recovery on disk, and check what is left …
//	if v := disk.Violations(); len(v) > 0 { t.Error(v) }
//
// It records for each block of a file whether it was synced or only written, and for each name
// whether its folder was synced since. [Disk.PowerCut] keeps what was synced and gambles with the
// rest. After a failed Sync, written data can still be read, a later Sync returns nil, and the next
// power cut loses the data, as on Linux.
//
// [Disk.Violations] lists breaches of the rules in daemon/durable: writing to a file after a failed
// write or sync, renaming a file that was not synced, using a closed file.
//
// [Disk.Ops] counts the operations, so that a test can fail each one in turn, or cut the power
// there.
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

// ErrOff is the error of every operation after the disk's power was cut or its process killed.
var ErrOff = errors.New("the power is off")

// Disk is a [durable.FS]. Any goroutine may use it.
type Disk struct {
	mu       sync.Mutex // guards all below, and every node and handle of the disk
	rng      *rand.Rand
	names    map[string]*node // what the running system sees
	platter  map[string]*node // the names that survive a power cut
	pending  []change         // changes to names since their folder was synced, in order
	dirs     map[string]bool
	ops      int
	faults   []fault
	limit    int64 // total size of all files in bytes; negative: no limit
	readOnly bool
	reported *space // what Space returns; nil: the truth
	lies     bool   // syncs return nil and do nothing
	slow     time.Duration
	hang     chan struct{} // if not nil, syncs wait until it is closed
	off      chan struct{} // closed when the power is off
	handles  int
	violated *[]string // shared with the disks after a power cut
}

// NewDisk returns an empty disk, whose randomness depends on seed alone.
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
		if d.reported != nil {
			free, total = d.reported.free, d.reported.total
			return d.reported.err
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

// space is a result of Space.
type space struct {
	free, total int64
	err         error
}

// SetSpace sets the result of Space.
func (d *Disk) SetSpace(free, total int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reported = &space{free, total, err}
}

// Mkdir makes a folder that is durable at once.
func (d *Disk) Mkdir(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dirs[name] = true
}

// Foreign makes a link, a pipe or a device.
func (d *Disk) Foreign(name string, kind fs.FileMode) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := newNode(kind)
	d.names[name], d.platter[name] = n, n
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

// free returns the free space in bytes.
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
