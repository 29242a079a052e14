package mounts

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const (
	tablePath = "/proc/self/mountinfo"
	// notesPath is where the system's rule for drives leaves notes about those it didn't mount.
	notesPath = "/run/tacet-drives"
	// settleMS is for how many milliseconds no device node must change before a change is reported:
	// nodes go just before the kernel's other traces of a device, and many at once.
	settleMS = 100
	// maxSettles limits the delay by a stream of changes.
	maxSettles = 20
)

// Read reads the mount table.
func Read() (Table, error) {
	f, err := os.Open(tablePath)
	if err != nil {
		return nil, fmt.Errorf("read the mount table: %w", err)
	}
	defer f.Close()
	return Parse(f)
}

// Watch watches for changes until ctx ends. It misses none after it has returned.
func Watch(ctx context.Context) (*Watcher, error) {
	l, err := listen()
	if err != nil {
		return nil, fmt.Errorf("watch the mount table: %w", err)
	}
	w := &Watcher{}
	stop := context.AfterFunc(ctx, l.wake)
	go func() {
		for l.wait() && ctx.Err() == nil {
			w.notify()
		}
		stop()
		l.close()
	}()
	return w, nil
}

// listener waits for the kernel. One goroutine uses it; any may call wake.
type listener struct {
	table *os.File
	nodes *os.File // inotify on /dev; nil if there is none
	end   *os.File // an eventfd that ends the wait
}

func listen() (*listener, error) {
	// Not os.Open: Go's poller would watch the file too, and each change is reported only once.
	table, err := unix.Open(tablePath, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: tablePath, Err: err}
	}
	end, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(table)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	return &listener{os.NewFile(uintptr(table), tablePath), listenForNodes(), os.NewFile(uintptr(end), "eventfd")}, nil
}

// listenForNodes watches for device nodes. Without it the watcher still sees mounts.
func listenForNodes() *os.File {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return nil
	}
	nodes := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, "/dev", unix.IN_CREATE|unix.IN_DELETE|unix.IN_ONLYDIR); err != nil {
		nodes.Close()
		return nil
	}
	// Without that folder there are no notes.
	_, _ = unix.InotifyAddWatch(fd, notesPath, unix.IN_MOVED_TO|unix.IN_DELETE|unix.IN_ONLYDIR)
	return nodes
}

// wake ends the wait.
func (l *listener) wake() { _, _ = l.end.Write(binary.NativeEndian.AppendUint64(nil, 1)) }

func (l *listener) close() {
	l.table.Close()
	l.end.Close()
	if l.nodes != nil {
		l.nodes.Close()
	}
}

// wait returns true after a change, and false once wake was called.
func (l *listener) wait() bool {
	changed, nodes := l.poll(-1)
	for range maxSettles {
		if !nodes {
			break
		}
		_, nodes = l.poll(settleMS)
	}
	return changed
}

// poll waits for at most timeout milliseconds, or for ever if that is -1. It reports whether
// anything changed, and whether device nodes did.
func (l *listener) poll(timeout int) (changed, nodes bool) {
	fds := []unix.PollFd{
		{Fd: int32(l.end.Fd()), Events: unix.POLLIN},
		{Fd: int32(l.table.Fd()), Events: unix.POLLPRI},
	}
	if l.nodes != nil {
		fds = append(fds, unix.PollFd{Fd: int32(l.nodes.Fd()), Events: unix.POLLIN})
	}
	for {
		_, err := unix.Poll(fds, timeout)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || fds[0].Revents != 0 {
			return false, false
		}
		break
	}
	if nodes = l.nodes != nil && fds[2].Revents != 0; nodes {
		l.drain()
	}
	return fds[1].Revents != 0 || nodes, nodes
}

// drain discards pending inotify events. It must only be called when there are some, or it blocks.
func (l *listener) drain() {
	var events [4096]byte
	_, _ = l.nodes.Read(events[:])
}
