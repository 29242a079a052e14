//go:build linux

package sftp_test

import (
	"testing"

	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

// A trial writes and cleans up, also what an interrupted one left.
func TestProbe(t *testing.T) {
	server := storetest.StartSSHD(t)
	m := open(t, kind(server))
	left, err := m.FS().Create(".tacet-probe")
	no(t, err)
	no(t, left.Close())
	where, err := store.Probe(t.Context(), kind(server))
	no(t, err)
	if want := "sftp://" + server.User + "@" + server.Addr + server.Path; where.Where != want {
		t.Errorf("it tried %s, want %s", where.Where, want)
	}
	if list, err := m.FS().ReadDir("."); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	server.Kill()
	_, err = store.Probe(t.Context(), kind(server))
	trouble(t, err, "store-missing")
}
