package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/config/textfile"
	"tacet/daemon"
	"tacet/daemon/trust"
)

const (
	defaultRun = "/run/tacet"
	statusFile = "status.json"
	maxStatus  = 1 << 20 // bytes
)

// statusHint helps if the daemon is not running.
const statusHint = "\"systemctl status tacetd\" shows whether it is running, and why not"

// report is status.json, what the running daemon reports. It contains no partial consent, and
// nothing about what is said in the room.
type report struct {
	PID       int           `json:"pid"`
	Time      time.Time     `json:"time"` // of the last change
	Version   string        `json:"version"`
	Waiting   string        `json:"version_waiting,omitempty"` // starts once the unit has been at rest
	Boot      string        `json:"boot"`
	Phase     string        `json:"phase"` // idle, recording or fault
	Recording string        `json:"recording,omitempty"`
	Mic       string        `json:"mic"`
	Light     string        `json:"light"`
	Clock     string        `json:"clock"`
	FreeHours float64       `json:"spool_free_h"`
	UnitKey   string        `json:"unit_key,omitempty"`
	Pending   int           `json:"pending"` // recordings that some store still lacks
	Stores    []storeReport `json:"stores"`
	Warnings  []warning     `json:"warnings"`

	Unconfirmed *unconfirmed `json:"unconfirmed,omitempty"` // nil if nothing is new
}

// unconfirmed is what is new to the unit, and gets nothing until somebody confirms it.
type unconfirmed struct {
	Ledger     string               `json:"ledger"`  // origin of the ledger that will record the confirmation
	Trusted    []string             `json:"trusted"` // fingerprints of the recipients in use
	Recipients []string             `json:"recipients,omitempty"`
	Drives     []trust.UnknownDrive `json:"drives,omitempty"`
}

type storeReport struct {
	Name    string `json:"name"`
	State   string `json:"state"` // ok, missing, full, readonly or error
	Pending int    `json:"pending"`
	Oldest  string `json:"oldest,omitempty"` // start of the oldest pending recording
	Detail  string `json:"detail,omitempty"`
}

type warning struct {
	Code    string    `json:"code"`
	Since   time.Time `json:"since"`
	Message string    `json:"message"`
	Blocks  bool      `json:"blocks,omitempty"` // nothing is recorded while it is up
}

// newReport describes a status; its time is not set yet.
func newReport(s daemon.Status) report {
	r := report{
		PID: os.Getpid(), Version: s.Version, Waiting: s.Waiting, Boot: s.Boot, Phase: s.Phase,
		Recording: s.Recording, Mic: s.Mic, Light: s.Light, Clock: s.Clock,
		FreeHours: float64(int(s.SpoolFree.Hours()*10)) / 10, UnitKey: s.UnitKey, Pending: s.Pending, Stores: []storeReport{},
		Warnings: []warning{},
	}
	for _, st := range s.Stores {
		p := storeReport{Name: st.Name, State: string(st.State), Pending: st.Pending}
		if !st.Oldest.IsZero() {
			p.Oldest = st.Oldest.Shown(time.Now()).UTC().Format(time.RFC3339)
		}
		if st.Trouble != nil {
			p.Detail = st.Trouble.Error()
		}
		r.Stores = append(r.Stores, p)
	}
	if u := s.Unconfirmed; len(u.Added)+len(u.Drives) > 0 {
		r.Unconfirmed = &unconfirmed{u.Ledger, u.Trusted, u.Added, u.Drives}
	}
	for _, w := range s.Warnings {
		r.Warnings = append(r.Warnings, warning{string(w.Code), w.Since.UTC(), w.Message(), w.Blocks})
	}
	return r
}

// reporter writes status.json and tells systemd, and does so only if what it reports has changed.
// Anybody can see when the file changes, so a press or a partial consent must not change it.
type reporter struct {
	path string // empty if the folder does not exist
	log  *slog.Logger
	last report // as last written, without the time
	line string // as systemd last got it
}

func newReporter(dir string, log *slog.Logger) *reporter {
	r := &reporter{log: log}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		r.path = filepath.Join(dir, statusFile)
	}
	return r
}

// report tells systemd last: whoever waits for systemd then finds the file up to date.
func (r *reporter) report(s daemon.Status) {
	next := newReport(s)
	if r.path != "" && !reflect.DeepEqual(next, r.last) {
		if err := r.write(next); err != nil {
			r.log.Warn("status.json", "err", err)
		} else {
			r.last = next
		}
	}
	if line := statusLine(s); line != r.line && notify(line) == nil {
		r.line = line
	}
}

// write replaces the file atomically. The file need not survive a power cut, so it is not synced.
func (r *reporter) write(next report) error {
	next.Time = time.Now().UTC()
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	data = cli.CleanJSON(data) // so that it is safe to print
	temp := r.path + ".tmp"
	if err := os.WriteFile(temp, append(data, '\n'), 0o644); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o644); err != nil { // whatever the service's umask is
		return err
	}
	return os.Rename(temp, r.path)
}

// close removes the file: it is true only while the daemon is running.
func (r *reporter) close() {
	if r.path != "" {
		os.Remove(r.path)
	}
}

var statusCommand = cli.Command{
	Name: "status", Usage: "[-key] [-run DIR]",
	About: "what the running daemon reports; -key: the unit's verifier key",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		key := f.Bool("key", false, "print only the unit's verifier key")
		dir := f.String("run", defaultRun, "`folder` of status.json")
		if rest, err := env.Parse(f, args); err != nil {
			return err
		} else if len(rest) > 0 {
			return env.Usage("status takes no arguments")
		}
		r, err := readReport(filepath.Join(*dir, statusFile))
		if err != nil {
			return cli.WithHint(err, statusHint)
		}
		if *key {
			if r.UnitKey == "" {
				return errors.New("the unit has no key yet: it makes one once its disk is mounted")
			}
			return env.Printf("%s\n", r.UnitKey)
		}
		r.print(env)
		return nil
	},
}

// readReport reads the report of a running daemon. The report of a dead one is an error.
func readReport(path string) (*report, error) {
	// Its folder is the service's, and root reads it: only an ordinary file can't hold root up.
	data, err := textfile.Bytes(path, maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("tacetd is not running")
	}
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(r.PID)); err != nil {
		return nil, errors.New("tacetd is not running: this status is left over from its last run")
	}
	return &r, nil
}

func (r *report) print(env *cli.Env) {
	row := func(name, format string, args ...any) {
		env.Printf("%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("phase", "%s", r.Phase)
	if r.Recording != "" {
		row("recording", "%s", r.Recording)
	}
	row("microphone", "%s", r.Mic)
	row("light", "%s", r.Light)
	row("clock", "%s", r.Clock)
	row("free", "%.1f h of recording", r.FreeHours)
	row("version", "%s", r.Version)
	if r.Waiting != "" {
		row("waiting", "version %s, until the unit has been at rest for ten minutes", r.Waiting)
	}
	for _, p := range r.Stores {
		line := p.Name + ": " + p.State
		if p.Pending > 0 {
			line += fmt.Sprintf(", %d recordings pending, the oldest from %s", p.Pending, p.Oldest)
		}
		row("store", "%s", line)
	}
	for _, w := range r.Warnings {
		row("warning", "%s: %s", w.Code, w.Message)
	}
}
