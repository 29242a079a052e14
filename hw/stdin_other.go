//go:build !linux

package hw

import "io/fs"

// GPIO exists on Linux only; elsewhere this package merely compiles.

func keepStdin(init func() error) error { return init() }

func openNull() error { return nil }

func groupOf(fs.FileInfo) (gid int, ok bool) { return 0, false }
