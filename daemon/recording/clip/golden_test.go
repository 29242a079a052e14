package clip_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/daemon/recording/clip"
	"tacet/daemon/recording/excerpt"
)

// golden is the content of a golden file.
type golden struct {
	From, To int64
	Withheld []excerpt.Span
	Samples  int64  // of the recording
	Reason   string // why it ended; "" without an end
	Sound    string // SHA-256 of what the clip opens to
}

// TestGolden: the files in testdata/golden were made once, of the golden recordings. They must
// verify and open for ever.
func TestGolden(t *testing.T) {
	dir := filepath.Join("testdata", "golden")
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var all map[string]golden
	if err := json.Unmarshal(read("golden.json"), &all); err != nil {
		t.Fatal(err)
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*.tacet-clip")); err != nil || len(files) != len(all) || len(all) < 4 {
		t.Fatalf("%d files, %d expectations, %v", len(files), len(all), err)
	}
	for name, want := range all {
		t.Run(name, func(t *testing.T) {
			file, secret := read(name+clip.Extension), strings.TrimSpace(string(read(name+".key")))
			rep, err := verify(file, strings.TrimSpace(string(read(name+".unit"))))
			if err != nil || !rep.Vouched {
				t.Fatalf("%+v, %v", rep, err)
			}
			var ids []age.Identity
			if rep.Stanza == "scrypt" {
				id, err := age.NewScryptIdentity(secret)
				if err != nil {
					t.Fatal(err)
				}
				ids = append(ids, id)
			} else if ids, err = age.ParseIdentities(strings.NewReader(secret)); err != nil {
				t.Fatal(err)
			}
			sound, rep, err := open(file, ids...)
			if err != nil {
				t.Fatal(err)
			}
			got := golden{rep.Part.From, rep.Part.To, rep.Part.Withheld, rep.Samples, "", hexSum(sound)}
			if rep.End != nil {
				got.Reason = rep.End.Reason
			}
			if len(got.Withheld) == 0 {
				got.Withheld = nil
			}
			if len(want.Withheld) == 0 {
				want.Withheld = nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("found %+v\nwant  %+v", got, want)
			}
		})
	}
}
