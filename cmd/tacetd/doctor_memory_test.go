package main

import (
	"context"
	"errors"
	"os"
	"testing"
	"testing/synctest"
)

// Doctor reports on memory what the running daemon says. Without a daemon it reports what systemd
// allows, and without systemd that it can't tell.
func TestDoctorOnMemory(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		limit  string
		says   []string
	}{
		"locked, says the daemon": {
			`{"pid":1,"phase":"idle","warnings":[{"code":"clock-unsynced","message":"x"}]}`, "65536",
			[]string{"ok         memory: the running daemon (process 1) has locked it"},
		},
		"not locked, says the daemon": {
			`{"pid":1,"phase":"idle","warnings":[` +
				`{"code":"memory-unlocked","message":"Memory not locked (why). Do this."}]}`,
			"infinity",
			[]string{"FAIL       memory: Memory not locked (why). Do this."},
		},
		"limited, says systemd": {"", "65536",
			[]string{"FAIL       memory: the service may lock only 65536 bytes", "LimitMEMLOCK=infinity"}},
		"allowed, says systemd": {"", "infinity", []string{"ok         memory: the service may lock all of it"}},
		"without systemd":       {"", "", []string{"not tried  memory: can't tell whether the service may lock it: no systemd"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t, "")
			if c.status != "" {
				if err := os.WriteFile(p.statusPath, []byte(c.status), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			p.lockLimit = func(context.Context) (string, error) {
				if c.limit == "" {
					return "", errors.New("no systemd")
				}
				return c.limit, nil
			}
			synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
			p.says(c.says[0], c.says[1:]...)
		})
	}
}
