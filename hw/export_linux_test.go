package hw

import "time"

// KernelLine makes a line from a descriptor.
func KernelLine(fd int) (EdgeLine, error) {
	l, err := newKernelLine(fd)
	if err != nil {
		return nil, err
	}
	return l, nil
}

func Monotonic() time.Duration { return monotonic() }

// KernelTime converts a timestamp, given the two clocks at one moment.
func KernelTime(ours time.Time, kernel, stamp time.Duration, now time.Time) time.Time {
	return pairing{ours: ours, kernel: kernel}.time(stamp, now)
}
