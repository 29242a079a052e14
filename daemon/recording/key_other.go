//go:build !linux

package recording

import (
	"context"
	"errors"
)

// ChildMain does nothing: units run Linux.
func ChildMain() {}

func askChild(context.Context, []byte) ([]byte, error) {
	return nil, errors.New("recordings are made on Linux only")
}
