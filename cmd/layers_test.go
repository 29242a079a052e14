// Package cmd_test checks which package imports which, and that packages which must not import each
// other agree.
package cmd_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

// list asks the go command about packages.
func list(t *testing.T, env []string, patterns ...string) map[string]pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...)
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := map[string]pkg{}
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		found[p.ImportPath] = p
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return found
}

// layer returns how high up a package is. Imports go to the same layer or down.
func layer(path string) int {
	path = strings.TrimPrefix(path, "tacet/")
	switch {
	case strings.HasPrefix(path, "cmd/internal/"):
		return 3
	case strings.HasPrefix(path, "cmd"):
		return 4
	case path == "daemon":
		return 2
	case path == "daemon/durable", path == "daemon/health", path == "daemon/topic", path == "daemon/journal",
		path == "daemon/consent", path == "daemon/holdback", path == "daemon/lamp", path == "daemon/lines",
		path == "daemon/ring", path == "daemon/wallclock",
		strings.HasPrefix(path, "audio"), strings.HasPrefix(path, "hw"), under(path, "config"), path == "systemd/needs":
		return 0
	default:
		return 1 // the daemon's parts
	}
}

func TestImportsLeadDownward(t *testing.T) {
	for path, p := range list(t, nil, "./...") {
		for _, to := range p.Imports {
			if !strings.HasPrefix(to, "tacet/") || to == "tacet/systemd/needs" { // any package's tests may need something
				continue
			}
			if layer(to) > layer(path) {
				t.Errorf("%s imports %s, which is above it", path, to)
			}
			if to == "tacet/config" && layer(path) < 2 {
				t.Errorf("%s imports config: parts take plain values", path)
			}
			hardware := strings.HasPrefix(to, "tacet/hw") || to == "tacet/audio"
			if hardware && strings.HasPrefix(path, "tacet/daemon") {
				t.Errorf("%s imports %s: the daemon names the interfaces that it needs", path, to)
			}
			if under(path, "tacet/hw") && !under(to, "tacet/hw") || under(path, "tacet/audio") && !under(to, "tacet/audio") {
				t.Errorf("%s imports %s: hardware knows nothing of the rest", path, to)
			}
		}
	}
}

func under(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}

// Promise 3: nothing but a hand starts a recording.
func TestProductionHoldsNothingSimulated(t *testing.T) {
	p := list(t, nil, "./cmd/tacetd")["tacet/cmd/tacetd"]
	if !slices.Contains(p.Deps, "tacet/daemon") {
		t.Fatal("cmd/tacetd does not run the daemon: this test looks at the wrong thing")
	}
	for _, dep := range p.Deps {
		simulated := under(dep, "tacet/hw/simpanel") || under(dep, "tacet/hw/hwtest") ||
			under(dep, "tacet/audio/audiotest") ||
			under(dep, "tacet/audio/voice") || under(dep, "tacet/audio/opus/decode") || strings.HasSuffix(dep, "test") &&
			strings.HasPrefix(dep, "tacet/")
		if simulated || dep == "testing" || strings.Contains(dep, "mochi-mqtt") {
			t.Errorf("tacetd contains %s", dep)
		}
	}
}

// The tool at a desk runs on three systems, without the unit's libraries.
func TestDeskToolIsPure(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		p := list(t, []string{"CGO_ENABLED=0", "GOOS=" + system}, "./cmd/tacet")["tacet/cmd/tacet"]
		if !slices.Contains(p.Deps, "tacet/daemon/recording") {
			t.Fatal("cmd/tacet does not know the recording: this test looks at the wrong thing")
		}
		for _, dep := range p.Deps {
			if under(dep, "tacet/hw") || dep == "tacet/audio" || dep == "tacet/daemon" || under(dep, "tacet/audio/opus") ||
				under(dep, "tacet/audio/locked") || strings.Contains(dep, "malgo") {
				t.Errorf("on %s, tacet contains %s", system, dep)
			}
		}
		cmd := exec.Command("go", "build", "-o", os.DevNull, "./cmd/tacet")
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("build for %s: %v\n%s", system, err, out)
		}
	}
}
