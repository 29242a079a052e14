package topic

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// RecipientsHash identifies the set of recipients in State, so that an office can compare it with
// its own: the first 128 bits of SHA-256 over the recipients' fingerprints, sorted and joined by
// newlines, in hexadecimal. With fewer bits somebody could search for keys with the same hash.
func RecipientsHash(fingerprints []string) string {
	sorted := slices.Sorted(slices.Values(fingerprints))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:16])
}
