package visit

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestGolden: the copies in testdata/golden were made once, of the golden recordings. They must
// verify for ever.
func TestGolden(t *testing.T) {
	units, err := filepath.Glob("testdata/golden/*.unit")
	if err != nil || len(units) < 4 {
		t.Fatalf("%d golden copies, %v", len(units), err)
	}
	for _, unit := range units {
		read := func(name string) []byte {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		dir := strings.TrimSuffix(unit, ".unit")
		proof := read(filepath.Join(dir, ProofName))
		p, err := ReadProof(bytes.NewReader(proof), int64(len(proof)))
		if err != nil || p.Head.UnitKey != strings.TrimSpace(string(read(unit))) {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		for _, name := range Sounds(p.Head.Audio.Codec) {
			file := read(filepath.Join(dir, name))
			if err := p.Check(name, bytes.NewReader(file), int64(len(file))); err != nil {
				t.Errorf("%s, %s: %v", dir, name, err)
			}
		}
	}
}
