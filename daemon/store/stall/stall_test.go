package stall_test

import (
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/store/stall"
)

const limit = 30 * time.Second

// pair is a connection under test and its other end, in fake time.
func pair(t *testing.T) (*stall.Conn, net.Conn) {
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	return stall.New(near, limit), far
}

func TestSilenceEndsWhatIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pair(t)
		conn.Await()
		start := time.Now()
		_, err := conn.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != limit || !conn.Stalled() {
			t.Errorf("a silent connection gave %v after %v (stalled: %v)", err, time.Since(start), conn.Stalled())
		}
		conn.Close() // as whoever read does
		if _, err := conn.Write([]byte{1}); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("the writer is told %v", err)
		}
	})
}

func TestSilenceIsFineWhileNothingIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := pair(t)
		done := conn.Await()
		done()
		go func() {
			<-time.After(24 * time.Hour) // of fake time
			far.Write([]byte{1})
		}()
		if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("after a silent day: %d bytes, %v", n, err)
		}
	})
}

// Slow progress, in either direction, is not a stall.
func TestSlowIsNotStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := pair(t)
		conn.Await()
		go func() {
			one := make([]byte, 1)
			for range 5 {
				<-time.After(limit - time.Second)
				far.Read(one)
			}
			for range 5 {
				<-time.After(limit - time.Second)
				far.Write(one)
			}
		}()
		answer := make(chan error)
		go func() { // the reader waits all along, as a protocol's does
			one := make([]byte, 1)
			for range 5 {
				if _, err := conn.Read(one); err != nil {
					answer <- err
					return
				}
			}
			answer <- nil
		}()
		for range 5 {
			if _, err := conn.Write([]byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		if err := <-answer; err != nil || conn.Stalled() {
			t.Errorf("a slow connection ended: %v", err)
		}
	})
}

func TestWriteThatNobodyTakesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, _ := pair(t)
		if _, err := conn.Write([]byte{1}); !errors.Is(err, os.ErrDeadlineExceeded) || !conn.Stalled() {
			t.Errorf("writing into nowhere: %v (stalled: %v)", err, conn.Stalled())
		}
	})
}

func TestLimitTellsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, far := pair(t)
		go func() {
			for range 40 {
				far.Write([]byte{1})
			}
		}()
		read := func(bytes int) {
			for range bytes {
				if _, err := conn.Read(make([]byte, 1)); err != nil {
					t.Fatal(err)
				}
			}
		}
		told := 0
		done := conn.Limit(10, func() { told++ })
		read(10)
		if told != 0 {
			t.Error("the limit is told where it is kept")
		}
		read(10)
		done()
		if told != 1 {
			t.Errorf("told %d times, want once", told)
		}
		conn.Limit(10, func() { told++ })()
		read(20)
		if told != 1 {
			t.Error("a limit stands that was lifted")
		}
	})
}

// Endless data ends the connection; expected data doesn't. What one operation didn't use can't be
// used by another.
func TestMoreThanWasAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const slack, answer = 1000, 64 << 10
		read := func(conn *stall.Conn, far net.Conn, bytes int) error {
			go far.Write(make([]byte, bytes))
			for buffer := make([]byte, 100); bytes > 0; {
				n, err := conn.Read(buffer)
				if bytes -= n; err != nil {
					return err
				}
			}
			return nil
		}
		conn, far := pair(t)
		if err := read(conn, far, 10<<20); err != nil || conn.Flooded() {
			t.Errorf("without a bound: %v", err)
		}
		conn.Bound(slack)
		for range 3 {
			done := conn.Await()
			conn.Expect(5000)
			if err := read(conn, far, slack+answer+5000); err != nil {
				t.Errorf("what was asked for: %v", err)
			}
			done()
		}
		conn.Await()
		if err := read(conn, far, slack+answer+100); !errors.Is(err, stall.ErrFlooded) || !conn.Flooded() {
			t.Errorf("more than was asked for: %v", err)
		}
		if _, err := conn.Write([]byte{1}); err == nil {
			t.Error("the connection is used on")
		}
	})
}
