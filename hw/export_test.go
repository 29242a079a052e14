package hw

import (
	"context"

	"periph.io/x/host/v3/gpioioctl"
)

// Exports for the tests.

const (
	LateAfter = lateAfter
	Settle    = settle
)

func KeepStdin(init func() error) error { return keepStdin(init) }

func Expose(lines []*gpioioctl.GPIOLine, n int) (string, func()) { return expose(lines, n) }

// Guard wraps a LineSet as Request does.
func Guard(set LineSet) LineSet { return &line{set: set} }

func KernelName(chip, name string) string { return kernelName(chip, name) }

func Explain(err error, l LineInfo) error { return explain(err, l) }

func WhoMay(path string) string { return whoMay(path) }

// WaitForChips is the wait at the start, with the test's /dev.
func WaitForChips(ctx context.Context, list func() []string, open func(string) error,
	named ...string) (refused, err error) {
	d := devices{list: list, open: open, who: func(string) string { return "ask the rule" }}
	return d.wait(ctx, named)
}
