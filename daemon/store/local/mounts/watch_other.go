//go:build !linux

package mounts

import (
	"context"
	"errors"
	"fmt"
)

var errNoTable = fmt.Errorf("read the mount table: %w", errors.ErrUnsupported)

// Read reads the mount table, on Linux only.
func Read() (Table, error) { return nil, errNoTable }

// Watch watches for changes, on Linux only.
func Watch(context.Context) (*Watcher, error) { return nil, errNoTable }
