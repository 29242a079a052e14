package recording_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/daemon/recording"
)

// golden is the content of a golden file.
type golden struct {
	State    string
	Reason   string
	Segments int64
	Samples  int64
	Gaps     int
	Sound    string // SHA-256 of what it opens to; "" for no sound
}

// TestGolden: the files in testdata/golden were made once, with real encoders. They must verify and
// open for ever. A change of the format that breaks them needs another format version and more
// golden files, not other ones.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "golden")
	data, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]golden
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tacet"))
	if err != nil || len(files) != len(all) || len(all) < 8 {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(all), err)
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			read := func(ext string) []byte {
				b, err := os.ReadFile(filepath.Join(dir, name+ext))
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			file := read(".tacet")
			rep := verify(t, file, strings.TrimSpace(string(read(".unit"))))
			if !rep.Vouched || rep.End == nil {
				t.Fatalf("%v: %s", rep.State, rep.Why)
			}
			got := golden{State: rep.State.String(), Reason: rep.End.Reason, Segments: rep.Segments, Samples: rep.End.Samples,
				Gaps: len(rep.End.Gaps)}
			ids, err := age.ParseIdentities(strings.NewReader(string(read(".key"))))
			if err != nil {
				t.Fatal(err)
			}
			sound, rep, err := open(file, ids...)
			if err == nil {
				got.Sound = fmt.Sprintf("%x", sha256.Sum256(sound))
			} else if !errors.Is(err, recording.ErrNoSound) {
				t.Fatal(err)
			}
			if got != want {
				t.Errorf("found %+v\nwant  %+v", got, want)
			}
			if len(rep.Consent) != 2 || len(rep.Damages) != 0 {
				t.Errorf("acts %v, damages %v", rep.Consent, rep.Damages)
			}
		})
	}
}
