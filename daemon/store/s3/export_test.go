//go:build unix

package s3

import "net/http"

// PartSize is what recordings are cut into.
const PartSize = partSize

// Wrapped is k with its requests seen, or changed, on their way out.
func (k Kind) Wrapped(wrap func(http.RoundTripper) http.RoundTripper) Kind {
	k.wrap = wrap
	return k
}
