// Package update knows which version of the program is installed, and which versions have failed.
//
//	u := update.Unit{Running: "1.2.3"}
//	found := u.Look()   // found.Waiting is "1.2.4" once the package was upgraded
//
// The package manager replaces the program while the daemon runs; the daemon keeps the file that it
// was started from. The package's own file says which version is installed. "tacetd update-check",
// which runs as root, writes which versions have failed and are never started again.
package update

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tacet/config/bounded"
)

// Where the files are on a unit.
const (
	InstalledFile = "/usr/lib/tacet/version" // the package's: the installed version, in one line
	Dir           = "/var/lib/tacet-update"  // root's: what update-check remembers
	stateFile     = "state.json"             // in Dir
	maxFile       = 64 << 10                 // bytes
	maxVersion    = 64                       // bytes, as on MQTT
	maxWhy        = 200                      // bytes
	maxFailed     = 20                       // versions that are remembered
	maxBefore     = 100                      // codes that are remembered
	format        = 1                        // of State; a later one adds fields
)

// Unit is where Look looks. The zero value of a path is the one on a unit.
type Unit struct {
	Running   string // the version that runs
	Installed string // InstalledFile
	Dir       string
	Program   string // that systemd starts
	Self      string // the program that runs, also after its file was replaced
}

// Found is what is installed beside the running version.
type Found struct {
	Waiting string  // the version that starts once the unit is at rest; empty: none
	Failed  *Failed // the installed version, if it has failed; nil: it has not
}

// Failed is a version that is never started again.
type Failed struct {
	Version string `json:"version"`
	Why     string `json:"why"`
}

// Look reads both files. A file that is missing or can't be read says nothing: then no version
// waits, and none has failed.
func (u Unit) Look() Found {
	installed, err := Installed(u.Installed)
	if err != nil {
		return Found{}
	}
	state, _ := Read(u.Dir)
	if failed := state.Find(installed); failed != nil {
		return Found{Failed: failed}
	}
	if installed == u.Running || !u.replaced() {
		return Found{}
	}
	return Found{Waiting: installed}
}

// replaced reports whether another program is installed than the one that runs. A program that
// somebody has copied to its place runs already, whatever the package's version is.
func (u Unit) replaced() bool {
	self, err := os.Stat(cmp.Or(u.Self, "/proc/self/exe"))
	if err != nil {
		return false
	}
	installed, err := os.Stat(cmp.Or(u.Program, "/usr/bin/tacetd"))
	return err == nil && !os.SameFile(self, installed)
}

// Installed reads which version is installed. An empty path is InstalledFile.
func Installed(path string) (string, error) {
	if path == "" {
		path = InstalledFile
	}
	data, err := read(path)
	if err != nil {
		return "", err
	}
	v := strings.TrimSpace(string(data))
	if !isVersion(v) {
		return "", fmt.Errorf("read %s: %.80q is no version", path, v)
	}
	return v, nil
}

// isVersion reports whether a text can be a version: short, and printable in one word.
func isVersion(v string) bool {
	return v != "" && len(v) <= maxVersion && !strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' })
}

// State is what update-check remembers over restarts and power cuts.
type State struct {
	Format int      `json:"format"`
	Trial  *Trial   `json:"trial,omitempty"`  // nil: no version is on trial
	Failed []Failed `json:"failed,omitempty"` // the latest last
	// Returning says that the service has still to be started with the version before.
	Returning bool `json:"returning,omitempty"`
}

// Trial is a version that is installed, and neither proven nor failed.
type Trial struct {
	Version string `json:"version"`
	// Before are the warnings that kept the version before it from recording; nil: unknown.
	Before []string `json:"before"`
	// BeforeFailed says that the version before it did not run either.
	BeforeFailed bool   `json:"before_failed,omitempty"`
	Boot         string `json:"boot,omitempty"`   // the machine's boot in which it was started; empty: not yet
	Starts       int    `json:"starts,omitempty"` // boots in which it was started, and not proven
}

// Find returns the entry of a version that has failed, or nil.
func (s *State) Find(version string) *Failed {
	for i := range s.Failed {
		if s.Failed[i].Version == version {
			return &s.Failed[i]
		}
	}
	return nil
}

// Fail ends the trial of a version, which has failed. The service is to return to the one before.
func (s *State) Fail(f Failed) {
	s.Forget(f.Version)
	s.Failed = append(s.Failed, f)
	s.Failed = s.Failed[max(0, len(s.Failed)-maxFailed):]
	s.Trial, s.Returning = nil, true
}

// Forget makes a version that has failed one like any other.
func (s *State) Forget(version string) {
	s.Failed = slices.DeleteFunc(s.Failed, func(f Failed) bool { return f.Version == version })
}

// Read reads the state in a folder; an empty dir is Dir. Without a file nothing is remembered.
func Read(dir string) (State, error) {
	if dir == "" {
		dir = Dir
	}
	path := filepath.Join(dir, stateFile)
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return State{}, nil
	}
	if err != nil {
		return State{}, err
	}
	var s State
	if err := json.Unmarshal(data, &s); err != nil {
		return State{}, fmt.Errorf("read %s: %w", path, err)
	}
	s.clean()
	return s, nil
}

// clean bounds what was read.
func (s *State) clean() {
	s.Failed = slices.DeleteFunc(s.Failed, func(f Failed) bool { return !isVersion(f.Version) })
	s.Failed = s.Failed[max(0, len(s.Failed)-maxFailed):]
	for i := range s.Failed {
		f := &s.Failed[i]
		f.Why = f.Why[:min(len(f.Why), maxWhy)]
	}
	if t := s.Trial; t != nil {
		t.Before = t.Before[:min(len(t.Before), maxBefore)]
	}
}

// Write replaces the state in a folder with the function that root's files are written with.
func (s State) Write(dir string, replace func(path string, data []byte) error) error {
	s.Format = format
	data, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, stateFile), append(data, '\n'))
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := bounded.ReadAll(f, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
