//go:build !unix

package durable

import (
	"errors"
	"os"
)

const nonblock = 0

func space(*os.File) (free, total int64, err error) { return 0, 0, errors.ErrUnsupported }

func writable(*os.File) error { return nil }

// syncDir does nothing: the file system's own journal keeps the names.
func syncDir(*os.File) error { return nil }
