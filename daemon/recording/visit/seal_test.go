package visit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"tacet/daemon/recording/filekey"
)

// A recorder's own header is the one whose MAC fits the file key: another one is refused, even if
// the unit signed it.
func TestSealOfAnotherKey(t *testing.T) {
	s := record(t, audios[2], 3)
	files := s.copied(t, parts["one"])
	p, err := ReadProof(bytes.NewReader(files[ProofName]), int64(len(files[ProofName])))
	if err != nil {
		t.Fatal(err)
	}
	plain := files[WAV][wavHeader:]
	if err := p.checkSegment(0, 3, plain); err != nil {
		t.Fatal(err)
	}
	p.seals[filekey.HeaderSize-10] ^= 4 // in the MAC
	seal := p.seal(0)
	nonce := seal[filekey.HeaderSize:][:filekey.NonceSize]
	sealed, err := filekey.Seal(bytes.Clone(seal[:sealSize-filekey.Size]), seal[sealSize-filekey.Size:], nonce, plain)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(sealed)
	text := "" // leaves that have this hash, as a unit could have signed them
	for _, name := range strings.Fields("READ-ME.txt recording.json key.age consent.age recording.note 000001.age 000001.note " +
		"000002.json 000002.age 000002.note 000003.age") {
		text += hex.EncodeToString(sum[:]) + "  " + name + "\n"
	}
	if _, err := p.lines.Lines([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := p.checkSegment(0, 3, plain); !isFault(err) || !strings.Contains(err.Error(), "seals") {
		t.Errorf("a header that another key made: %v", err)
	}
}
