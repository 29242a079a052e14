package hw_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tacet/hw"
)

// pipe is a line whose edges the test writes.
func pipe(t *testing.T) (hw.EdgeLine, func(id, seq uint32, stamp time.Duration)) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	kernel := os.NewFile(uintptr(fds[1]), "kernel")
	line, err := hw.KernelLine(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { line.Close(); kernel.Close() })
	return line, func(id, seq uint32, stamp time.Duration) {
		t.Helper()
		event := make([]byte, 48) // linux/gpio.h: struct gpio_v2_line_event
		binary.NativeEndian.PutUint64(event, uint64(stamp))
		binary.NativeEndian.PutUint32(event[8:], id)
		binary.NativeEndian.PutUint32(event[20:], seq)
		if _, err := kernel.Write(event); err != nil {
			t.Fatal(err)
		}
	}
}

func TestKernelsEdgesAreDecoded(t *testing.T) {
	line, queue := pipe(t)
	before, stamp := time.Now(), hw.Monotonic()
	after := time.Now()
	queue(unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 1, stamp)
	queue(unix.GPIO_V2_LINE_EVENT_FALLING_EDGE, 2, stamp+time.Second)
	queue(unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 1<<32-1, stamp-time.Hour)
	if err := line.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	var edges [2]hw.Edge
	n, err := line.Take(edges[:])
	if n != 2 || err != nil {
		t.Fatalf("%d edges, %v", n, err)
	}
	var third [2]hw.Edge
	if n, err := line.Take(third[:]); n != 1 || err != nil {
		t.Fatalf("%d more edges, %v", n, err)
	}
	// The clocks are paired to within microseconds; a millisecond is enough here.
	from, to := before.Add(-time.Millisecond), after.Add(time.Millisecond)
	for i, c := range []struct {
		edge hw.Edge
		high bool
		seq  uint32
		off  time.Duration
	}{{edges[0], true, 1, 0}, {edges[1], false, 2, time.Second}, {third[0], true, 1<<32 - 1, -time.Hour}} {
		at := c.edge.At.Add(-c.off)
		if c.edge.High != c.high || c.edge.Seq != c.seq || at.Before(from) || at.After(to) {
			t.Errorf("edge %d is %v; it was queued between %v and %v", i, c.edge, before, after)
		}
		if wall := c.edge.At.Round(0).Add(-c.off); wall.Before(from.Round(0)) || wall.After(to.Round(0)) {
			t.Errorf("edge %d was at %v by the wall clock", i, wall)
		}
	}
	if n, err := line.Take(edges[:]); n != 0 || err != nil {
		t.Errorf("of an empty queue: %d, %v", n, err)
	}
}

// A timestamp is right however long ago the clocks were paired.
func TestStampsAreGoTimes(t *testing.T) {
	const boot = 100 * time.Hour
	ours := time.Now()
	for _, since := range []time.Duration{0, time.Second, 1000 * time.Hour} {
		for _, age := range []time.Duration{0, time.Microsecond, time.Hour} {
			now := ours.Add(since)
			if got, want := hw.KernelTime(ours, boot, boot+since-age, now), now.Add(-age); got != want {
				t.Errorf("%v after the pairing, %v old: %v, not %v", since, age, got, want)
			}
		}
	}
}

func TestUnknownEventAndEndOfTheQueueAreErrors(t *testing.T) {
	line, queue := pipe(t)
	queue(77, 1, 0)
	if n, err := line.Take(make([]hw.Edge, 2)); n != 0 || err == nil {
		t.Errorf("an unknown event: %d, %v", n, err)
	}
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	ended, err := hw.KernelLine(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	defer ended.Close()
	unix.Close(fds[1])
	if err := ended.Wait(t.Context()); err != nil {
		t.Errorf("Wait: %v", err)
	}
	if n, err := ended.Take(make([]hw.Edge, 2)); n != 0 || err == nil {
		t.Errorf("the end: %d, %v", n, err)
	}
	if _, err := ended.Read(); err == nil {
		t.Error("the level of a pipe was read")
	}
}

// The end of one Wait's context never ends the next Wait, in 1,000 races of the two.
func TestWaitEndsWithItsOwnContext(t *testing.T) {
	line, queue := pipe(t)
	for range 1000 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- line.Wait(ctx) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("Wait: %v", err)
		}
		go func() { ended <- line.Wait(t.Context()) }()
		queue(unix.GPIO_V2_LINE_EVENT_RISING_EDGE, 1, 0)
		if err := <-ended; err != nil {
			t.Fatalf("the next: %v", err)
		}
		if n, err := line.Take(make([]hw.Edge, 1)); n != 1 || err != nil {
			t.Fatalf("%d edges, %v", n, err)
		}
	}
}

// A descriptor that does not support polling is rejected.
func TestAFileThatCantBeWaitedForIsNoLine(t *testing.T) {
	fd, err := unix.Open(os.Args[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := hw.KernelLine(fd); err == nil {
		t.Error("a plain file was taken for a line")
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
		t.Error("it was left open")
	}
}

// Close makes a Wait return os.ErrClosed: the runtime's error is not exported.
func TestCloseEndsAWaitAsClosed(t *testing.T) {
	for range 100 {
		line, _ := pipe(t)
		ended := make(chan error, 1)
		go func() { ended <- line.Wait(t.Context()) }()
		if err := line.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; !errors.Is(err, os.ErrClosed) {
			t.Fatalf("the wait ended with %v", err)
		}
	}
}
