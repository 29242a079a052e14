package hw

import "time"

// KernelLine makes a line of a descriptor.
func KernelLine(fd int) (EdgeLine, error) {
	l, err := newKernelLine(fd)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func Monotonic() time.Duration { return monotonic() }
