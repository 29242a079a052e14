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

// consumer is the name under which other programs see who holds a line.
const consumer = "tacetd"

// eventSize is the size of the kernel's gpio_v2_line_event.
const eventSize = int(unsafe.Sizeof(unix.GPIOV2LineEvent{}))

// A kernelLine is a line that the kernel's character device gave us, without periph: with the time
// at which each edge's interrupt came, and the number that shows whether edges were dropped.
//
// Calls go through Control, which keeps the descriptor open meanwhile and holds no lock: a call
// that hangs holds up no other, but for Close.
type kernelLine struct {
	file *os.File
	conn syscallConn
	buf  []byte // Take's

	closed atomic.Bool
}

type syscallConn interface {
	Control(f func(fd uintptr)) error
	Read(f func(fd uintptr) (done bool)) error
}

// requestEdges asks the chip at path for one line. The kernel reads the whole request; nothing is
// written but the descriptor.
func requestEdges(path string, number int, pull gpio.Pull) (EdgeLine, error) {
	chip, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer unix.Close(chip)
	req := unix.GPIOV2LineRequest{Num_lines: 1, Event_buffer_size: QueueLength}
	req.Offsets[0] = uint32(number)
	copy(req.Consumer[:len(req.Consumer)-1], consumer)
	req.Config.Flags = flagInput | flagRising | flagFalling // stamps are CLOCK_MONOTONIC where no flag asks for others
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
	if err := file.SetReadDeadline(time.Time{}); err != nil { // not one to wait for
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

// Wait implements EdgeLine. It takes nothing from the queue: who waits and who takes may be two.
func (l *kernelLine) Wait(ctx context.Context) error {
	if err := l.file.SetReadDeadline(time.Time{}); err != nil {
		return l.explain(err)
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = l.file.SetReadDeadline(time.Unix(1, 0)) // it fails only where the wait does
		close(woken)
	})
	err := l.conn.Read(readable)
	if !stop() {
		<-woken // or it would end the next wait
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return l.explain(err)
}

// explain gives an error of a closed line the name that others know: the runtime's own can't be
// told from others.
func (l *kernelLine) explain(err error) error {
	if err != nil && l.closed.Load() {
		return os.ErrClosed
	}
	return err
}

// readable says whether there is anything to take, an error included. The runtime calls it again at
// each change.
func readable(fd uintptr) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err != unix.EINTR {
			return n != 0 // an error is for Take to meet
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
		return 0, fmt.Errorf("the kernel gave %d bytes, no whole number of edges", got)
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
		case got == 0: // no file that ends is a line
			return 0, errors.New("the line's queue has ended")
		default:
			return got, nil
		}
	}
}

// decode reads the kernel's gpio_v2_line_event.
func decode(event []byte) (Edge, error) {
	id := binary.NativeEndian.Uint32(event[8:])
	if id != unix.GPIO_V2_LINE_EVENT_RISING_EDGE && id != unix.GPIO_V2_LINE_EVENT_FALLING_EDGE {
		return Edge{}, fmt.Errorf("the kernel told of an unknown event, %d", id)
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

// ioctl is here because package unix exports none for a struct of one's own choice.
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
