package demotest

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"tacet/daemon/recording"
)

// Run runs a program, and returns its exit code and its output.
func (u *Unit) Run(t testing.TB, name string, args ...string) (int, string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "TMPDIR="+u.Temp)
	out, err := c.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return c.ProcessState.ExitCode(), string(out)
}

// Must runs a program that must succeed.
func (u *Unit) Must(t testing.TB, name string, args ...string) string {
	t.Helper()
	code, out := u.Run(t, name, args...)
	if code != 0 {
		t.Fatalf("%s %v exits with %d:\n%s", filepath.Base(name), args, code, out)
	}
	return out
}

// Open runs tacet verify and tacet open on a recording, and returns the audio and its file.
func (u *Unit) Open(t testing.TB, file string) (audio []byte, path string) {
	t.Helper()
	u.Must(t, Program("tacet"), "verify", "-any-unit", u.Path(file))
	path = filepath.Join(t.TempDir(), "out")
	u.Must(t, Program("tacet"), "open", "-any-unit", "-i", u.Key, "-o", path, u.Path(file))
	audio, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return audio, path
}

// Report opens a recording in this process, for the acts.
func (u *Unit) Report(t testing.TB, file string) *recording.Report {
	t.Helper()
	data, err := os.ReadFile(u.Path(file))
	if err != nil {
		t.Fatal(err)
	}
	var sound bytes.Buffer
	rep, err := recording.Open(bytes.NewReader(data), int64(len(data)), &sound,
		recording.Opening{Identities: []age.Identity{u.Office}})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}
