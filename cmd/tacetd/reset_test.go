package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
)

// A reset stops and disables the service. If the reset is refused before it changes anything, the
// service starts again. While the unit records, the service is left alone.
func TestResetAndTheService(t *testing.T) {
	const recorded = "20261121T140322Z_room-3_rbdq01t7c2.tacet"
	for name, c := range map[string]struct {
		phase, recording string
		code             int
		calls            []string
	}{
		"idle":               {"idle", "", 0, []string{"is-active", "is-active", "stop", "disable"}},
		"with a recording":   {"idle", recorded, 1, []string{"is-active", "is-active", "stop", "start"}},
		"while it records":   {"recording", "", 1, []string{"is-active"}},
		"it says nothing":    {"", "", 1, []string{"is-active"}},
		"it is out of order": {"fault", "", 0, []string{"is-active", "is-active", "stop", "disable"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManager(t, `case "$*" in *is-active*) echo active ;; esac`)
			dir := t.TempDir()
			id, err := age.GenerateX25519Identity()
			if err == nil {
				err = os.Mkdir(filepath.Join(dir, "spool"), 0o700)
			}
			if err == nil && c.recording != "" {
				err = os.WriteFile(filepath.Join(dir, "spool", c.recording), nil, 0o400)
			}
			config := filepath.Join(dir, "tacet.toml")
			text := fmt.Sprintf("[room]\nsite = \"site\"\nid = \"room-3\"\n[unit]\nkey = %q\n[[button]]\nline = \"GPIO5\"\n[light]\nline = \"GPIO27\"\n"+
				"[encrypt]\nrecipients = [%q]\n[audio]\ndevice = \"hw:CARD=Device,DEV=0\"\n[spool]\npath = %q\n",
				dir+"/unit.key", id.Recipient(), dir+"/spool")
			if err = errors.Join(err, os.WriteFile(config, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			if c.phase != "" {
				status := `{"pid":` + strconv.Itoa(os.Getpid()) + `,"phase":"` + c.phase + `"}`
				if err := os.WriteFile(filepath.Join(dir, statusFile), []byte(status), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var said strings.Builder
			env := &cli.Env{Name: "tacetd", Args: []string{"reset", "-config", config, "-state", dir, "-run", dir},
				Ctx:   t.Context(),
				Stdin: strings.NewReader("room-3\n"), Stdout: io.Discard, Stderr: &said}
			if code := env.Finish(run(env)); code != c.code {
				t.Errorf("it exits with %d: %s", code, said.String())
			}
			m.wants(c.calls...)
			m.wantsNone()
			if _, err := os.Stat(config); (err == nil) == (c.code == 0) {
				t.Errorf("the config: %v", err)
			}
		})
	}
}
