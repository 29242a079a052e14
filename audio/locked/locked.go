// Package locked allocates memory for sound. The memory never reaches swap or a core dump, it is
// outside Go's heap, where nothing copies it, and it is wiped when it is freed.
package locked

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// New returns n zero bytes; n must be at least 1. They stay valid until the whole slice is passed
// to Free. Using them after that crashes the process.
func New(n int) ([]byte, error) {
	memory, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d bytes for sound: %w", n, err)
	}
	if err := unix.Mlock(memory); err != nil {
		unix.Munmap(memory)
		return nil, fmt.Errorf("lock %d bytes for sound in memory (LimitMEMLOCK): %w", n, err)
	}
	if err := unix.Madvise(memory, unix.MADV_DONTDUMP); err != nil {
		unix.Munmap(memory)
		return nil, fmt.Errorf("keep sound out of core dumps: %w", err)
	}
	return memory, nil
}

// Free wipes and frees memory from New. It does nothing for nil.
func Free(memory []byte) error {
	if memory == nil {
		return nil
	}
	memory = memory[:cap(memory)]
	clear(memory)
	if err := unix.Munmap(memory); err != nil {
		return fmt.Errorf("free memory that held sound: %w", err)
	}
	return nil
}

// Samples returns the same memory as 16-bit samples.
func Samples(memory []byte) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(memory))), len(memory)/2)
}
