// Command vuln runs govulncheck on Tacet's programs, and fails if a vulnerability can be fixed in
// this tree: by a newer module, or a newer toolchain line, in go.mod. One that is fixed in the Go
// release that go.mod names, but not in the older Go of this machine, is listed and doesn't fail:
// whoever builds may not be able to change it.
//
// The database is a Go module, so any Go proxy has it. Its version is that of the tool that reads
// it, which is in the same module:
//
//	go run ./.ci/vuln GOVULNCHECK INDEXDB
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"go/version"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: vuln GOVULNCHECK INDEXDB")
		os.Exit(2)
	}
	ok, err := run(os.Stdout, os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "vuln:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(out io.Writer, govulncheck, indexdb string) (ok bool, err error) {
	toolchain, err := namedToolchain()
	if err != nil {
		return false, err
	}
	index, err := indexDatabase(indexdb)
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(index)
	text, err := output(govulncheck, "-db", "file://"+index, "-format", "json", "./cmd/...")
	if err != nil {
		return false, err
	}
	found, err := read(bytes.NewReader(text))
	if err != nil {
		return false, fmt.Errorf("read the output of govulncheck: %w", err)
	}
	return report(out, found, toolchain), nil
}

// namedToolchain returns the version in go.mod's toolchain line.
func namedToolchain() (string, error) {
	text, err := output("go", "mod", "edit", "-json")
	if err != nil {
		return "", err
	}
	var mod struct{ Toolchain string }
	if err := json.Unmarshal(text, &mod); err != nil {
		return "", err
	}
	if mod.Toolchain == "" {
		return "", errors.New("go.mod has no toolchain line: write one that names the newest patch release")
	}
	return mod.Toolchain, nil
}

// indexDatabase downloads the database and writes it in govulncheck's format to a temporary folder,
// which the caller removes.
func indexDatabase(indexdb string) (string, error) {
	tool, err := buildinfo.ReadFile(indexdb)
	if err != nil {
		return "", err
	}
	text, err := output("go", "mod", "download", "-json", tool.Main.Path+"@"+tool.Main.Version)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(text, &module); err != nil {
		return "", err
	}
	index, err := os.MkdirTemp("", "vuln")
	if err != nil {
		return "", err
	}
	if _, err := output(indexdb, "-vulns", filepath.Join(module.Dir, "data", "osv"), "-out", index); err != nil {
		os.RemoveAll(index)
		return "", err
	}
	return index, nil
}

func output(program string, args ...string) ([]byte, error) {
	cmd := exec.Command(program, args...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", program, strings.Join(args, " "), err)
	}
	return text, nil
}

// vulnerability is one entry of the database that applies to one module.
type vulnerability struct {
	id, module, fixed string
	called            bool
}

// read reads govulncheck's messages. A vulnerability has several findings; one that names a function
// says that the function is called.
func read(r io.Reader) ([]vulnerability, error) {
	found := map[string]vulnerability{}
	scanned := false
	for messages := json.NewDecoder(r); ; {
		var m struct {
			SBOM    *struct{}
			Finding *struct {
				OSV   string
				Fixed string `json:"fixed_version"`
				Trace []struct{ Module, Function string }
			}
		}
		if err := messages.Decode(&m); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		scanned = scanned || m.SBOM != nil
		if m.Finding == nil || len(m.Finding.Trace) == 0 {
			continue
		}
		at := m.Finding.Trace[0]
		v := found[m.Finding.OSV+at.Module]
		found[m.Finding.OSV+at.Module] = vulnerability{m.Finding.OSV, at.Module, m.Finding.Fixed, v.called ||
			at.Function != ""}
	}
	if !scanned {
		return nil, errors.New("it scanned nothing")
	}
	return slices.SortedFunc(maps.Values(found),
		func(a, b vulnerability) int { return strings.Compare(a.id+a.module, b.id+b.module) }), nil
}

// onlyInOldGo reports whether the Go release that go.mod names fixes it.
func (v vulnerability) onlyInOldGo(toolchain string) bool {
	return (v.module == "stdlib" || v.module == "toolchain") && v.fixed != "" &&
		version.Compare(strings.Replace(v.fixed, "v", "go", 1), toolchain) <= 0
}

func (v vulnerability) String() string {
	text := v.id + " " + v.module
	if v.called {
		text += ", called"
	}
	if v.fixed == "" {
		return text + ", not fixed yet"
	}
	return text + ", fixed in " + v.fixed
}

// report prints what was found, and returns true if nothing of it can be fixed in this tree.
func report(out io.Writer, found []vulnerability, toolchain string) (ok bool) {
	ok = true
	for _, v := range found {
		if v.onlyInOldGo(toolchain) {
			fmt.Fprintf(out, "only because this machine's Go is older than go.mod's %s: %s\n", toolchain, v)
			continue
		}
		ok = false
		fmt.Fprintf(out, "VULNERABLE: %s: put a newer version into go.mod\n", v)
	}
	if ok {
		fmt.Fprintln(out, "no known vulnerability that can be fixed here")
	}
	return ok
}
