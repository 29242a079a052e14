package e2e_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/cmd/tacet-demo/demotest"
)

// nothingInClear searches everything that the unit has written or logged for the sound, at each
// offset, and for both halves of the key that opens it.
func nothingInClear(t *testing.T, unit *demotest.Unit, demo *demotest.Demo, file string, sound []byte) {
	t.Helper()
	keys := secrets(t, unit, file)
	windows := map[uint64]bool{} // eight bytes of the sound from each sample on
	for i := 44; i+8 <= len(sound); i += 2 {
		windows[binary.LittleEndian.Uint64(sound[i:])] = true
	}
	bytesSeen := 0
	search := func(name string, data []byte) {
		bytesSeen += len(data)
		for _, key := range keys {
			if bytes.Contains(data, []byte(key)) {
				t.Errorf("%s contains %.15s…", name, key)
			}
		}
		for i := 0; i+8 <= len(data); i++ {
			if windows[binary.LittleEndian.Uint64(data[i:])] {
				t.Errorf("%s contains sound in clear at byte %d", name, i)
				return
			}
		}
	}
	for _, dir := range []string{unit.Dir, unit.Spool, unit.Temp} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			search(path, data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	search("its log", []byte(demo.Log()))
	if bytesSeen < len(sound) {
		t.Fatalf("only %d bytes to search, for %d bytes of sound: the test looks in the wrong place", bytesSeen, len(sound))
	}
}

// secrets returns the private and public halves of a recording's key, as tar and age give them to
// the office.
func secrets(t *testing.T, unit *demotest.Unit, file string) []string {
	t.Helper()
	sealed := unit.Must(t, "tar", "xOf", unit.Path(file), "key.age")
	plain, err := age.Decrypt(strings.NewReader(sealed), unit.Office)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil || len(ids) != 1 {
		t.Fatalf("key.age contains %d identities: %v", len(ids), err)
	}
	id := ids[0].(*age.X25519Identity)
	return []string{id.String(), id.Recipient().String(), "AGE-SECRET-KEY-"}
}
