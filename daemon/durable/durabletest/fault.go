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

// Faults returns the errors that real disks gave when a stick was pulled, a card died or a file
// system gave up.
func Faults() []error {
	return []error{syscall.EIO, syscall.ENOSPC, syscall.EROFS, syscall.ENODEV}
}

// A fault fails the operation that brings left to zero and, if lasting, all later ones.
type fault struct {
	op      string // "": any
	left    int
	err     error
	applied bool
	lasting bool
}

// FailAt makes the n-th operation from now fail with err, once. With applied, it is still done.
func (d *Disk) FailAt(n int, err error, applied bool) {
	d.addFault(fault{left: n, err: err, applied: applied})
}

// FailOn is FailAt for one kind of operation: "create", "append", "open", "read", "write", "sync",
// "truncate", "reserve", "close", "rename", "remove", "stat", "readdir", "syncdir", "freeze",
// "access", "space" or "readback".
func (d *Disk) FailOn(op string, n int, err error, applied bool) {
	d.addFault(fault{op: op, left: n, err: err, applied: applied})
}

// FailFrom makes the n-th operation from now and all after it fail with err and do nothing, until
// Mend: the disk dies.
func (d *Disk) FailFrom(n int, err error) {
	d.addFault(fault{left: n, err: err, lasting: true})
}

// CutAt cuts the power at the n-th operation from now: it and all later ones are not done. The test
// continues with PowerCut.
func (d *Disk) CutAt(n int) {
	d.addFault(fault{left: n, err: ErrOff, lasting: true})
}

func (d *Disk) addFault(f fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults = append(d.faults, f)
}

// Mend ends all faults, the read-only state, the limit and Lie.
func (d *Disk) Mend() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults, d.readOnly, d.limit, d.lies = nil, false, -1, false
}

// Lie makes every sync return nil although nothing reaches the disk, or ever will: a stick that
// claims to be larger than it is.
func (d *Disk) Lie(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lies = on
}

// Full leaves space for free more bytes. A write that doesn't fit is done as far as it fits.
func (d *Disk) Full(free int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.limit = -1
	d.limit = 1<<40 - d.free() + free
}

// ReadOnly makes the disk read-only or writable, as the kernel does after an error.
func (d *Disk) ReadOnly(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.readOnly = on
}

// SlowSync makes every sync take this long.
func (d *Disk) SlowSync(each time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.slow = each
}

// Hang makes every sync wait until release is called or the power is cut.
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

// wait waits as long as a sync takes. It holds no lock.
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

// Violations returns the breaches of the rules so far, including those before power cuts.
func (d *Disk) Violations() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(*d.violated)
}

// Handles returns the number of open files.
func (d *Disk) Handles() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handles
}

// do runs one operation, with the fault that is due. The error names operation and file.
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

// strike applies an operation unless a fault prevents it, and returns the caller's error.
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
