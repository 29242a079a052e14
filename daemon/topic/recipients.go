package topic

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// RecipientsHash is what State says of who may open the recordings, for an office to compare with
// its own: the first 128 bits of SHA-256 over the recipients' fingerprints, sorted and joined by
// newlines, in hexadecimal. Fewer bits could be met by trying keys.
func RecipientsHash(fingerprints []string) string {
	sorted := slices.Sorted(slices.Values(fingerprints))
	sum := sha256.Sum256([]byte(strings.Join(sorted, "\n")))
	return hex.EncodeToString(sum[:16])
}
