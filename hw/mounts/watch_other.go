//go:build !linux

package mounts

import (
	"context"
	"errors"
	"fmt"
)

var errNoTable = fmt.Errorf("read the mount table: %w", errors.ErrUnsupported)

// Read reads the mount table, on Linux alone.
func Read() (Table, error) { return nil, errNoTable }

// Watch tells of changes, on Linux alone.
func Watch(context.Context) (*Watcher, error) { return nil, errNoTable }
