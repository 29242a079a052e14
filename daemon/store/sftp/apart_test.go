//go:build linux

package sftp_test

import (
	"os"
	"path/filepath"
	"testing"

	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

// A server on the unit's own machine may serve the spool, by another path too. A copy there would
// be the recording itself.
func TestTheSpoolIsNoStore(t *testing.T) {
	server := storetest.StartSSHD(t)
	link := filepath.Join(t.TempDir(), "link")
	no(t, os.Symlink(server.Dir, link))
	for _, spool := range []string{server.Dir, link} {
		k := store.Apart(kind(server), spool)
		_, err := k.Open(t.Context())
		trouble(t, err, "store-error", "the unit's own spool", "name another server")
		_, err = store.Probe(t.Context(), k)
		trouble(t, err, "store-error", "the unit's own spool")
	}
	if list, err := os.ReadDir(server.Dir); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	elsewhere := t.TempDir()
	m, err := store.Apart(kind(server), elsewhere).Open(t.Context())
	no(t, err)
	m.Close()
	if list, err := os.ReadDir(elsewhere); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}
