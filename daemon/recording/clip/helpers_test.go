package clip_test

import (
	"crypto/sha256"
	"encoding/hex"

	"filippo.io/age"

	"tacet/daemon/recording/recordingtest"
)

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func toIdentities(o recordingtest.Office) []age.Identity { return []age.Identity{o.Identity} }
