package fleet

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/recording"
	"tacet/daemon/topic"
)

// unitKey is a simulated unit's signing key. It is made from the seed, so it is worth nothing.
type unitKey struct {
	name   string
	public string // verifier key
	signer note.Signer
}

func newKey(names topic.Names, r *rand.Rand) (unitKey, error) {
	k := unitKey{name: recording.UnitName(names.Site, names.Room)}
	seed := randomBytes(r, ed25519.SeedSize)
	public, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return k, fmt.Errorf("make the key of %s", k.name)
	}
	var err error
	if k.public, err = note.NewEd25519VerifierKey(k.name, public); err != nil {
		return k, fmt.Errorf("make the key of %s: %w", k.name, err)
	}
	hash := strings.Split(k.public, "+")[1]
	const algorithm = 1 // Ed25519
	private := "PRIVATE+KEY+" + k.name + "+" + hash + "+" +
		base64.StdEncoding.EncodeToString(append([]byte{algorithm}, seed...))
	if k.signer, err = note.NewSigner(private); err != nil {
		return k, fmt.Errorf("make the key of %s: %w", k.name, err)
	}
	return k, nil
}

// head signs a head of a ledger with that many leaves. The hash in it is made up.
func (k unitKey) head(leaves int, root []byte) (string, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", k.name, leaves, base64.StdEncoding.EncodeToString(root))
	signed, err := note.Sign(&note.Note{Text: text}, k.signer)
	return string(signed), err
}

// randomBytes returns n random bytes.
func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}
