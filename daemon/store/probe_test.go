//go:build unix

package store

import (
	"errors"
	"syscall"
	"testing"
)

// A trial meets what a follower would meet, and cleans up after itself and after an interrupted
// one.
func TestProbe(t *testing.T) {
	for code, spoil := range map[string]func(k *stick){
		"":               func(*stick) {},
		"store-full":     func(k *stick) { k.disk.Full(0) },
		"store-readonly": func(k *stick) { k.disk.ReadOnly(true) },
		"store-missing":  func(k *stick) { k.take(errAway, k.disk) },
	} {
		k := newStick(1)
		spoil(k)
		_, err := Probe(t.Context(), k)
		got := ""
		if trouble := (*Trouble)(nil); errors.As(err, &trouble) {
			got = string(trouble.Code)
		} else if err != nil {
			got = err.Error()
		}
		if got != code {
			t.Errorf("it says %q, want %q", got, code)
		}
		k.disk.ReadOnly(false)
		bareStick(t, k)
	}
	k := newStick(1)
	k.disk.Lie(true)
	if _, err := Probe(t.Context(), k); err == nil {
		t.Error("a stick that forgets what it was given is not found out")
	}
	k = newStick(1)
	before := k.disk.Ops()
	if _, err := Probe(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	all := k.disk.Ops() - before
	const cleaning = 25 // operations after the last read-back, at most
	for n := 1; n <= all; n++ {
		k := newStick(1)
		k.disk.FailFrom(n, syscall.EIO)
		if _, err := Probe(t.Context(), k); err == nil && n <= all-cleaning {
			t.Errorf("from operation %d of %d on all fail, and nobody is told", n, all)
		}
		for _, applied := range []bool{false, true} { // one that fails alone may be got over, as a follower gets over it
			k := newStick(1)
			k.disk.FailAt(n, syscall.EIO, applied)
			Probe(t.Context(), k)
			k.disk.Mend()
			if _, err := Probe(t.Context(), k); err != nil {
				t.Errorf("after a failure of operation %d: %v", n, err)
			}
			bareStick(t, k)
		}
	}
}

func bareStick(t *testing.T, k *stick) {
	t.Helper()
	if list, err := k.disk.ReadDir("."); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	if n := k.disk.Handles(); n > 0 {
		t.Errorf("%d files stay open", n)
	}
}
