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

// KernelTime is the time of a stamp, where the two clocks showed ours and kernel at one moment.
func KernelTime(ours time.Time, kernel, stamp time.Duration, now time.Time) time.Time {
	return pairing{ours: ours, kernel: kernel}.time(stamp, now)
}
