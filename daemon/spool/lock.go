//go:build unix

package spool

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Held is a lock on a spool's folder.
type Held struct {
	path string
	dir  *os.File
}

// Lock locks the folder for this process. The kernel unlocks it when the process ends, however that
// happens. Lock writes nothing, so a read-only spool can be locked too.
func Lock(path string) (*Held, error) {
	fault := func(kind Kind, err error) (*Held, error) {
		return nil, &Error{Kind: kind, Doing: "lock", Path: path, Err: err}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault(Missing, errors.New("there is no such folder"))
	case err != nil:
		return fault(kindOf(err), err)
	case !info.IsDir():
		return fault(NotFolder, errors.New("not a folder"))
	}
	dir, err := os.Open(path)
	if err != nil {
		return fault(kindOf(err), err)
	}
	err = lock(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("in use by %s", holder(dir))
		dir.Close()
		return fault(InUse, err)
	}
	if err != nil {
		dir.Close()
		return fault(Failed, err)
	}
	return &Held{path, dir}, nil
}

func lock(dir *os.File) error {
	for {
		if err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != unix.EINTR {
			return err
		}
	}
}

// Close unlocks the folder.
func (h *Held) Close() error { return h.dir.Close() }

// Check reports whether the path still leads to the locked folder. It doesn't if the disk was
// unmounted, or another one was mounted over it.
func (h *Held) Check() error {
	fault := func(kind Kind, err error) error { return &Error{Kind: kind, Doing: "look at", Path: h.path, Err: err} }
	locked, err := h.dir.Stat()
	if err != nil {
		return fault(kindOf(err), err)
	}
	now, err := os.Stat(h.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault(Missing, errors.New("the folder is gone"))
	case err != nil:
		return fault(kindOf(err), err)
	case !os.SameFile(locked, now):
		return fault(Gone, errors.New("another folder is there now: its disk was unmounted, or another was mounted over it"))
	}
	return nil
}

// holder names the process that has locked the folder, if the kernel tells.
func holder(dir *os.File) string {
	const unknown = "another process"
	info, err := dir.Stat()
	if err != nil {
		return unknown
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return unknown
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return unknown
	}
	defer locks.Close()
	pid, ok := lockedBy(locks, st.Ino)
	if !ok {
		return unknown
	}
	name, err := os.ReadFile("/proc/" + pid + "/comm")
	if err != nil {
		return "process " + pid
	}
	return fmt.Sprintf("%s (process %s)", strings.TrimSpace(string(name)), pid)
}

// lockedBy finds the holder of a flock in /proc/locks, which has lines like
//
//	1: FLOCK  ADVISORY  WRITE 4711 fe:00:123456 0 EOF
//
// It compares only the inode: on some file systems the device differs from stat's.
func lockedBy(table io.Reader, inode uint64) (pid string, ok bool) {
	lines := bufio.NewScanner(io.LimitReader(table, 1<<20))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 6 && f[1] == "FLOCK" && strings.HasSuffix(f[5], fmt.Sprintf(":%d", inode)) {
			return f[4], true
		}
	}
	return "", false
}
