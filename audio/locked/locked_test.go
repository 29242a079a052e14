package locked_test

import (
	"os"
	"testing"
	"unsafe"

	"tacet/audio/locked"
	"tacet/audio/locked/lockedtest"
)

func TestMemoryIsLockedAndInNoDump(t *testing.T) {
	for _, n := range []int{1, os.Getpagesize() - 1, os.Getpagesize(), 1 << 20} {
		before := lockedtest.Bytes(t)
		memory, err := locked.New(n)
		if err != nil {
			t.Fatal(err)
		}
		if len(memory) != n {
			t.Errorf("%d bytes instead of %d", len(memory), n)
		}
		for i, b := range memory {
			if b != 0 {
				t.Fatalf("byte %d is %d", i, b)
			}
			memory[i] = byte(i)
		}
		pages := (n + os.Getpagesize() - 1) / os.Getpagesize() * os.Getpagesize()
		if got := lockedtest.Bytes(t) - before; got != pages {
			t.Errorf("%d bytes: %d more are locked and kept out of dumps, instead of %d", n, got, pages)
		}
		if err := locked.Free(memory[:0]); err != nil {
			t.Error(err)
		}
		if got := lockedtest.Bytes(t) - before; got != 0 {
			t.Errorf("%d bytes: %d were not given back", n, got)
		}
	}
	if err := locked.Free(nil); err != nil {
		t.Error(err)
	}
}

func TestTooMuchIsRefused(t *testing.T) {
	before := lockedtest.Bytes(t)
	for _, n := range []int{0, -1, 1 << 46} {
		if memory, err := locked.New(n); err == nil || memory != nil {
			t.Errorf("%d bytes were given", n)
		}
	}
	if got := lockedtest.Bytes(t); got != before {
		t.Errorf("%d bytes are locked instead of %d", got, before)
	}
}

func TestSamplesAreTheSameMemory(t *testing.T) {
	memory, err := locked.New(7)
	if err != nil {
		t.Fatal(err)
	}
	defer locked.Free(memory)
	s := locked.Samples(memory)
	if len(s) != 3 || unsafe.Pointer(&s[0]) != unsafe.Pointer(&memory[0]) {
		t.Errorf("%d samples at %p for %d bytes at %p", len(s), &s[0], len(memory), &memory[0])
	}
}
