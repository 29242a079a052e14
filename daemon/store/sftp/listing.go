//go:build unix

package sftp

import (
	"encoding/binary"
	"errors"
	"io"

	"tacet/daemon/durable"
)

// listingLimiter reads what the server sends and counts the names in listings: the library keeps
// all names of a folder in memory, at some 200 bytes each. One goroutine reads it.
type listingLimiter struct {
	from io.Reader

	head  []byte // first bytes of the current packet
	left  uint32 // bytes of it still to be read
	names uint32 // since the last answer that was not a listing
}

// errEndless is the error for a listing that has too many names.
var errEndless = errors.New("the SFTP server's listing doesn't end")

const (
	nameAnswer = 104       // SSH_FXP_NAME
	headSize   = 4 + 1 + 8 // length, type, request number, number of names
)

func (c *listingLimiter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	for b := p[:n]; len(b) > 0; {
		if c.left == 0 || len(c.head) < headSize {
			if b = c.header(b); c.names > durable.MaxEntries+1000 {
				return 0, errEndless
			}
			continue
		}
		skip := min(int(c.left), len(b))
		b, c.left = b[skip:], c.left-uint32(skip)
		if c.left == 0 {
			c.head = c.head[:0]
		}
	}
	return n, err
}

// header reads what is missing of a packet's head, and returns the rest of b.
func (c *listingLimiter) header(b []byte) []byte {
	for len(b) > 0 {
		c.head, b = append(c.head, b[0]), b[1:]
		switch len(c.head) {
		case 4:
			c.left = binary.BigEndian.Uint32(c.head)
		case 5:
			if c.left--; c.head[4] != nameAnswer {
				c.names = 0
			}
		default:
			if len(c.head) > 4 {
				c.left--
			}
		}
		if len(c.head) >= 4 && c.left == 0 {
			c.head = c.head[:0]
			return b
		}
		if len(c.head) == headSize {
			if c.head[4] == nameAnswer {
				c.names += max(1, binary.BigEndian.Uint32(c.head[9:]))
			}
			return b
		}
	}
	return b
}
