package hw

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"periph.io/x/conn/v3/gpio"
)

// The bits of linux/gpio.h's GPIO_V2_LINE_FLAG that package unix doesn't name.
const (
	flagInput    = 1 << 2
	flagRising   = 1 << 4
	flagFalling  = 1 << 5
	flagPullUp   = 1 << 8
	flagPullDown = 1 << 9
)

// consumer is the name that other programs see as the holder of a line.
const consumer = "tacetd"

// eventSize is the size of the kernel's gpio_v2_line_event.
const eventSize = int(unsafe.Sizeof(unix.GPIOV2LineEvent{}))

// A kernelLine is a line of the kernel's character device, requested without periph. Its edges have
// the time of the interrupt, and a number that shows whether edges were dropped.
//
// Calls go through Control, which keeps the descriptor open and holds no lock: a call that hangs
// delays only Close.
type kernelLine struct {
	file *os.File
	conn syscallConn
	buf  []byte // for Take

	closed atomic.Bool
}

type syscallConn interface {
	Control(f func(fd uintptr)) error
	Read(f func(fd uintptr) (done bool)) error
}

// requestEdges requests a line of the chip at path. The kernel writes only the descriptor into the
// request.
func requestEdges(path string, number int, pull gpio.Pull) (EdgeLine, error) {
	chip, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(chip)
	req := unix.GPIOV2LineRequest{Num_lines: 1, Event_buffer_size: QueueLength}
	req.Offsets[0] = uint32(number)
	copy(req.Consumer[:len(req.Consumer)-1], consumer)
	req.Config.Flags = flagInput | flagRising | flagFalling // timestamps are CLOCK_MONOTONIC by default
	switch pull {
	case gpio.PullUp:
		req.Config.Flags |= flagPullUp
	case gpio.PullDown:
		req.Config.Flags |= flagPullDown
	}
	if err := ioctl(uintptr(chip), unix.GPIO_V2_GET_LINE_IOCTL, unsafe.Pointer(&req)); err != nil {
		return nil, fmt.Errorf("request the line's edges: %w", err)
	}
	return newKernelLine(int(req.Fd))
}

// newKernelLine takes over the descriptor of a requested line.
func newKernelLine(fd int) (*kernelLine, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(fmt.Errorf("make the line's queue non-blocking: %w", err), unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "gpio-line")
	if err := file.SetReadDeadline(time.Time{}); err != nil { // it does not support polling
		return nil, errors.Join(fmt.Errorf("wait for the line's edges: %w", err), file.Close())
	}
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &kernelLine{file: file, conn: conn, buf: make([]byte, 64*eventSize)}, nil
}

// Read implements EdgeLine.
func (l *kernelLine) Read() (high bool, err error) {
	values := unix.GPIOV2LineValues{Mask: 1}
	if cerr := l.conn.Control(func(fd uintptr) {
		err = ioctl(fd, unix.GPIO_V2_LINE_GET_VALUES_IOCTL, unsafe.Pointer(&values))
	}); cerr != nil {
		return false, l.explain(cerr)
	}
	return values.Bits&1 == 1, err
}

// Wait implements EdgeLine. It takes nothing from the queue, since another goroutine may call Take.
func (l *kernelLine) Wait(ctx context.Context) error {
	if err := l.file.SetReadDeadline(time.Time{}); err != nil {
		return l.explain(err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.file.SetReadDeadline(time.Unix(1, 0)) // it fails only if the wait fails too
		close(woken)
	})
	err := l.conn.Read(readable)
	if !stop() {
		<-woken // otherwise it would end the next wait
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.explain(err)
}

// explain returns os.ErrClosed for an error of a closed line, since the runtime's error can't be
// recognised.
func (l *kernelLine) explain(err error) error {
	if err != nil && l.closed.Load() {
		return os.ErrClosed
	}
	return err
}

// readable reports whether Take would return edges or an error. The runtime calls it after each
// change.
func readable(fd uintptr) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err != unix.EINTR {
			return n != 0 // Take will return the error
		}
	}
}

// Take implements EdgeLine.
func (l *kernelLine) Take(edges []Edge) (n int, err error) {
	var got int
	if cerr := l.conn.Control(func(fd uintptr) { got, err = l.take(fd, len(edges)) }); cerr != nil {
		return 0, l.explain(cerr)
	}
	if err != nil {
		return 0, err
	}
	if got%eventSize != 0 {
		return 0, fmt.Errorf("the kernel returned %d bytes, which is not a whole number of edges", got)
	}
	for ; n < got/eventSize; n++ {
		if edges[n], err = decode(l.buf[n*eventSize:]); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (l *kernelLine) take(fd uintptr, most int) (int, error) {
	for {
		got, err := unix.Read(int(fd), l.buf[:min(len(l.buf), most*eventSize)])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, nil
		case err != nil:
			return 0, err
		case got == 0: // a line has no end of file
			return 0, errors.New("unexpected end of the line's queue")
		default:
			return got, nil
		}
	}
}

// decode reads the kernel's gpio_v2_line_event.
func decode(event []byte) (Edge, error) {
	id := binary.NativeEndian.Uint32(event[8:])
	if id != unix.GPIO_V2_LINE_EVENT_RISING_EDGE && id != unix.GPIO_V2_LINE_EVENT_FALLING_EDGE {
		return Edge{}, fmt.Errorf("unknown event %d from the kernel", id)
	}
	return Edge{
		High: id == unix.GPIO_V2_LINE_EVENT_RISING_EDGE,
		At:   pair().time(time.Duration(binary.NativeEndian.Uint64(event)), time.Now()),
		Seq:  binary.NativeEndian.Uint32(event[20:]),
	}, nil
}

// Close implements EdgeLine.
func (l *kernelLine) Close() error {
	l.closed.Store(true)
	return l.file.Close()
}

// ioctl is needed because package unix exports none for these structs.
func ioctl(fd uintptr, request uint, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, uintptr(request), uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}
