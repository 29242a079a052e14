package durabletest

import (
	"io/fs"
	"slices"
	"syscall"
	"time"
)

const (
	errReadOnly = syscall.EROFS
	errFull     = syscall.ENOSPC
)

// Faults are the errors that real disks gave when a stick was pulled, a card died or a file system
// gave up.
func Faults() []error {
	return []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.ENODEV}
}

// A fault fails operations: the one that brings left to zero or, if lasting, that one and all
// later.
type fault struct {
	op      string // "": any
	left    int
	err     error
	applied bool
	lasting bool
}

// FailAt lets the n-th operation from now fail with err, once. With applied, the operation is done
// all the same.
func (d *Disk) FailAt(n int, err error, applied bool) {
	d.addFault(fault{left: n, err: err, applied: applied})
}

// FailOn is FailAt counting only one kind of operation: "create", "append", "open", "read",
// "write", "sync", "truncate", "reserve", "close", "rename", "remove", "stat", "readdir",
// "syncdir", "freeze", "access", "space" or "readback".
func (d *Disk) FailOn(op string, n int, err error, applied bool) {
	d.addFault(fault{op: op, left: n, err: err, applied: applied})
}

// FailFrom lets the n-th operation from now and all after it fail with err and do nothing, until
// Mend: a disk that dies.
func (d *Disk) FailFrom(n int, err error) {
	d.addFault(fault{left: n, err: err, lasting: true})
}

// CutAt switches the power off at the n-th operation from now, which is not done, nor is any later
// one. The test goes on with PowerCut.
func (d *Disk) CutAt(n int) {
	d.addFault(fault{left: n, err: ErrOff, lasting: true})
}

func (d *Disk) addFault(f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// Mend takes back all faults that were ordered, the read-only state, the limit of space and the
// lies.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.readOnly, d.limit, d.lies = nil, false, -1, false
}

// Lie lets every sync say that it was done although nothing reached the disk, and never will: a
// stick that claims to be larger than it is.
func (d *Disk) Lie(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = on
}

// Full leaves room for free more bytes. A write that does not fit is done as far as it does.
func (d *Disk) Full(free int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = -1
	d.limit = 1<<40 - d.free() + free
}

// ReadOnly makes the disk read-only or writable, as a kernel does that has found an error.
func (d *Disk) ReadOnly(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readOnly = on
}

// SlowSync lets every sync take this long.
func (d *Disk) SlowSync(each time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = each
}

// Hang lets every sync wait until release is called, or the power is cut.
func (d *Disk) Hang() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	hang := make(chan struct{})
	d.hang = hang
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.hang == hang {
			d.hang = nil
			close(hang)
		}
	}
}

// wait is the time that a sync takes. It holds no lock.
func (d *Disk) wait() error {
	d.mu.Lock()
	hang, slow := d.hang, d.slow
	d.mu.Unlock()
	if slow > 0 {
		timer := time.NewTimer(slow)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-d.off:
			return ErrOff
		}
	}
	if hang != nil {
		select {
		case <-hang:
		case <-d.off:
			return ErrOff
		}
	}
	return nil
}

// Ops counts the operations so far.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// Violations are the breaches of the rules so far, before and after all power cuts.
func (d *Disk) Violations() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(*d.violated)
}

// Handles counts the files that are open.
func (d *Disk) Handles() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handles
}

// do runs one operation, with the fault that is due. The error carries what was done to what.
func (d *Disk) do(op, name string, apply func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	err := d.strike(op, func() error {
		if !fs.ValidPath(name) {
			return fs.ErrInvalid
		}
		return apply()
	})
	if err != nil {
		return &fs.PathError{Op: op, Path: name, Err: err}
	}
	return nil
}

// strike applies an operation unless a fault keeps it from being done, and returns what the caller
// is told.
func (d *Disk) strike(op string, apply func() error) error {
	select {
	case <-d.off:
		return ErrOff
	default:
	}
	f, due := d.due(op)
	if !due {
		return apply()
	}
	if f.applied {
		apply()
	}
	return f.err
}

func (d *Disk) due(op string) (fault, bool) {
	var hit fault
	var due bool
	d.faults = slices.DeleteFunc(d.faults, func(f fault) bool { return f.left <= 0 && !f.lasting })
	for i := range d.faults {
		f := &d.faults[i]
		if f.op != "" && f.op != op {
			continue
		}
		if f.left--; f.left == 0 || f.lasting && f.left < 0 {
			hit, due = *f, true
		}
	}
	return hit, due
}
