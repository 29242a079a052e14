// Command volatile is a disk with a volatile write cache, so that a power cut costs a virtual
// machine what it costs a real one.
//
//	volatile IMAGE SOCKET KEEP
//
// It serves the file IMAGE as a network block device on the Unix socket SOCKET. Writes stay in
// memory until the client requests a flush. SIGUSR1 is a power cut: each block that is not flushed
// still reaches the disk with a probability of KEEP percent, as if the drive had just written it;
// then the disk is gone. SIGUSR2 is a power cut at one of the next writes, when there is something
// to lose. SIGTERM writes everything.
package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "volatile:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: volatile IMAGE SOCKET KEEP")
	}
	keep, err := strconv.Atoi(args[2])
	if err != nil {
		return fmt.Errorf("KEEP is a percentage: %w", err)
	}
	d, err := openDisk(args[0])
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", args[1])
	if err != nil {
		return err
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				failed <- err
				return
			}
			// First the machine's firmware probes the disk and disconnects, then the kernel
			// connects.
			_ = serve(c, d)
			c.Close()
		}
	}()
	select {
	case err := <-failed:
		return err
	case s := <-signals:
		if s == syscall.SIGUSR2 {
			d.awaitWrites(1 + rand.IntN(mostWrites))
		}
		// The lock is never released, so nothing more is served.
		d.mu.Lock()
		if s == syscall.SIGTERM || s == syscall.SIGINT {
			return d.flush()
		}
		return d.cut(keep)
	}
}

const (
	blockSize = 4096
	// mostWrites is the most writes before a power cut that waits for one; longest is the most
	// time.
	mostWrites = 12
	longest    = 6 * time.Second
)

// disk is a file with the blocks that are written but not flushed.
type disk struct {
	size int64

	mu     sync.Mutex // guards the fields below
	file   *os.File
	cached map[int64]*[blockSize]byte
	awaits int           // after this many writes,
	came   chan struct{} // this is closed
	gone   bool          // and nothing more is served
}

func openDisk(path string) (*disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size()%blockSize != 0 {
		return nil, fmt.Errorf("the size of %s is not a multiple of %d bytes", path, blockSize)
	}
	return &disk{size: info.Size(), file: f, cached: map[int64]*[blockSize]byte{}}, nil
}

// awaitWrites waits for n writes, the last of which is only cached, or for some time.
func (d *disk) awaitWrites(n int) {
	came := make(chan struct{})
	d.mu.Lock()
	d.awaits, d.came = n, came
	d.mu.Unlock()
	select {
	case <-came:
	case <-time.After(longest):
	}
}

// wrote counts a write. The caller holds the lock.
func (d *disk) wrote() {
	if d.awaits == 0 {
		return
	}
	if d.awaits--; d.awaits == 0 {
		d.gone = true
		close(d.came)
	}
}

// read and write need the lock, and a range within the disk.
func (d *disk) read(p []byte, off int64) error {
	return d.each(p, off, func(part []byte, n, at int64) error {
		if b := d.cached[n]; b != nil {
			copy(part, b[at:])
			return nil
		}
		_, err := d.file.ReadAt(part, n*blockSize+at)
		return err
	})
}

func (d *disk) write(p []byte, off int64) error {
	return d.each(p, off, func(part []byte, n, at int64) error {
		b := d.cached[n]
		if b == nil {
			b = new([blockSize]byte)
			if len(part) < blockSize {
				if _, err := d.file.ReadAt(b[:], n*blockSize); err != nil {
					return err
				}
			}
			d.cached[n] = b
		}
		copy(b[at:], part)
		return nil
	})
}

// each splits a range into blocks.
func (d *disk) each(p []byte, off int64, do func(part []byte, n, at int64) error) error {
	for len(p) > 0 {
		n, at := off/blockSize, off%blockSize
		length := min(int64(len(p)), blockSize-at)
		if err := do(p[:length], n, at); err != nil {
			return err
		}
		p, off = p[length:], off+length
	}
	return nil
}

func (d *disk) flush() error {
	for n, b := range d.cached {
		if _, err := d.file.WriteAt(b[:], n*blockSize); err != nil {
			return err
		}
	}
	clear(d.cached)
	return nil
}

// cut drops the cached blocks, except for a random part.
func (d *disk) cut(keep int) error {
	kept := 0
	for n, b := range d.cached {
		if rand.IntN(100) >= keep {
			continue
		}
		if _, err := d.file.WriteAt(b[:], n*blockSize); err != nil {
			return err
		}
		kept++
	}
	fmt.Printf("power cut: %d blocks were not flushed; %d of them are lost\n", len(d.cached), len(d.cached)-kept)
	return nil
}
