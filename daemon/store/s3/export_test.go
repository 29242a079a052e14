//go:build unix

package s3

import "net/http"

// PartSize is the size of a part.
const PartSize = partSize

// Wrapped returns k with a wrapped transport.
func (k Kind) Wrapped(wrap func(http.RoundTripper) http.RoundTripper) Kind {
	k.wrap = wrap
	return k
}
