// Command vuln asks govulncheck for the known vulnerabilities of what Tacet's programs are made of,
// and fails where one can be mended here: by a newer module in go.mod, or by a newer toolchain
// line. What is mended by the Go release that go.mod names, and left by the toolchain of this
// machine, is listed and doesn't fail: who builds may not be able to change it.
//
// The database is a Go module, so that any Go proxy has it, and nothing has to be asked of
// elsewhere. Its version is that of the tool that reads it, which is in the same module:
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
	index, err := indexed(indexdb)
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
		return false, fmt.Errorf("read what govulncheck says: %w", err)
	}
	return report(out, found, toolchain), nil
}

// namedToolchain is what go.mod's toolchain line says.
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

// indexed fetches the database and makes of it what govulncheck reads, in a folder that the caller
// removes.
func indexed(indexdb string) (string, error) {
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

// vulnerability is one entry of the database that fits one module.
type vulnerability struct {
	id, module, fixed string
	called            bool
}

// read reads govulncheck's stream of messages. Each vulnerability comes in several findings, the
// called functions among them.
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
		return nil, errors.New("it has scanned nothing")
	}
	return slices.SortedFunc(maps.Values(found),
		func(a, b vulnerability) int { return strings.Compare(a.id+a.module, b.id+b.module) }), nil
}

// leftByToolchain: the release that go.mod names has it mended, and this machine builds with an
// older one.
func (v vulnerability) leftByToolchain(toolchain string) bool {
	return (v.module == "stdlib" || v.module == "toolchain") && v.fixed != "" &&
		version.Compare(strings.Replace(v.fixed, "v", "go", 1), toolchain) <= 0
}

func (v vulnerability) String() string {
	text := v.id + " " + v.module
	if v.called {
		text += ", called"
	}
	if v.fixed == "" {
		return text + ", not mended yet"
	}
	return text + ", mended in " + v.fixed
}

// report says what was found, and whether nothing of it is to be mended here.
func report(out io.Writer, found []vulnerability, toolchain string) (ok bool) {
	ok = true
	for _, v := range found {
		if v.leftByToolchain(toolchain) {
			fmt.Fprintf(out, "left by this machine's Go, which is older than go.mod's %s: %s\n", toolchain, v)
			continue
		}
		ok = false
		fmt.Fprintf(out, "VULNERABLE: %s: take a newer one in go.mod\n", v)
	}
	if ok {
		fmt.Fprintln(out, "no known vulnerability that could be mended here")
	}
	return ok
}
