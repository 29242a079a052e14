//go:build unix

package sftp

// LimitListing makes the bound on a listing so many bytes, until undo is called.
func LimitListing(bytes int) (undo func()) {
	was := maxListing
	maxListing = bytes
	return func() { maxListing = was }
}
