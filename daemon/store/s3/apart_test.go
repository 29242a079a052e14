//go:build linux

package s3_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

// A gateway on the unit's own machine may serve the spool as a bucket. A copy there would be the
// recording itself.
func TestTheSpoolIsNoStore(t *testing.T) {
	server := storetest.StartS3(t)
	served := filepath.Join(server.Dir, "high-street") // the prefix
	no(t, os.Mkdir(served, 0o700))
	link := filepath.Join(t.TempDir(), "link")
	no(t, os.Symlink(served, link))
	for _, spool := range []string{served, link} {
		k := store.Apart(kind(server), spool)
		_, err := k.Open(t.Context())
		var trouble *store.Trouble
		if !errors.As(err, &trouble) || !strings.Contains(err.Error(), "the unit's own spool") {
			t.Errorf("opened with %v", err)
		}
		if _, err = store.Probe(t.Context(), k); err == nil {
			t.Error("doctor's try passes")
		}
	}
	if list, err := os.ReadDir(served); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	m, err := store.Apart(kind(server), t.TempDir()).Open(t.Context())
	no(t, err)
	m.Close()
}
