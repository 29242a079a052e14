// Package bounded reads input whose length nobody vouches for.
package bounded

import (
	"errors"
	"io"
)

// ErrTooLong says that the input is longer than the limit.
var ErrTooLong = errors.New("too long")

// ReadAll reads all of r. If that is more than limit bytes, it stops after one byte more, and returns
// what it read and ErrTooLong.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = ErrTooLong
	}
	return data, err
}
