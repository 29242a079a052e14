//go:build unix

package sftp

// LimitListing sets the maximum size of a listing in bytes, until undo is called.
func LimitListing(bytes int) (undo func()) {
	was := maxListing
	maxListing = bytes
	return func() { maxListing = was }
}
