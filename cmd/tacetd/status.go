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
	"tacet/daemon"
	"tacet/daemon/trust"
)

const (
	usualRun   = "/run/tacet"
	statusFile = "status.json"
	maxStatus  = 1 << 20
)

// report is status.json: what the running daemon says. Half a consent is not in it, nor anything of
// what is said in the room.
type report struct {
	PID       int       `json:"pid"`
	Time      time.Time `json:"time"` // since when it says just this
	Version   string    `json:"version"`
	Boot      string    `json:"boot"`
	Phase     string    `json:"phase"` // idle, recording or fault
	Recording string    `json:"recording,omitempty"`
	Mic       string    `json:"mic"`
	Light     string    `json:"light"`
	Clock     string    `json:"clock"`
	FreeHours float64   `json:"spool_free_h"`
	UnitKey   string    `json:"unit_key,omitempty"`
	Pending   int       `json:"pending"` // recordings that some store still has to get
	Stores    []place   `json:"stores"`
	Warnings  []warning `json:"warnings"`

	Unconfirmed *unconfirmed `json:"unconfirmed,omitempty"` // nil: nothing is new
}

// unconfirmed is what is new, and gets nothing before somebody has confirmed it.
type unconfirmed struct {
	Ledger     string               `json:"ledger"`  // the origin of the one that will remember it
	Trusted    []string             `json:"trusted"` // fingerprints of the recipients who get what is recorded
	Recipients []string             `json:"recipients,omitempty"`
	Drives     []trust.UnknownDrive `json:"drives,omitempty"`
}

type place struct {
	Name    string `json:"name"`
	State   string `json:"state"` // ok, missing, full, readonly or error
	Pending int    `json:"pending"`
	Oldest  string `json:"oldest,omitempty"` // when the first of those began
	Detail  string `json:"detail,omitempty"`
}

type warning struct {
	Code    string    `json:"code"`
	Since   time.Time `json:"since"`
	Message string    `json:"message"`
}

// reportOf is what is said of a status, with no time yet.
func reportOf(s daemon.Status) report {
	r := report{
		PID: os.Getpid(), Version: s.Version, Boot: s.Boot, Phase: s.Phase,
		Recording: s.Recording, Mic: s.Mic, Light: s.Light, Clock: s.Clock,
		FreeHours: float64(int(s.SpoolFree.Hours()*10)) / 10, UnitKey: s.UnitKey, Pending: s.Pending, Stores: []place{},
		Warnings: []warning{},
	}
	for _, st := range s.Stores {
		p := place{Name: st.Name, State: string(st.State), Pending: st.Pending}
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
		r.Warnings = append(r.Warnings, warning{string(w.Code), w.Since.UTC(), w.Message()})
	}
	return r
}

// reporter writes status.json and tells systemd, each only when there is something else to say:
// anybody can see when that is, and a hand on a button, or half a consent, is nobody's business.
type reporter struct {
	path string // empty: there is no such folder
	log  *slog.Logger
	said report // as last written, but for the time
	told string // systemd
}

func newReporter(dir string, log *slog.Logger) *reporter {
	r := &reporter{log: log}
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		r.path = filepath.Join(dir, statusFile)
	}
	return r
}

// report tells systemd last: whoever waits for that finds the file as it says.
func (r *reporter) report(s daemon.Status) {
	say := reportOf(s)
	if r.path != "" && !reflect.DeepEqual(say, r.said) {
		if err := r.write(say); err != nil {
			r.log.Warn("status.json", "err", err)
		} else {
			r.said = say
		}
	}
	if line := sentence(s); line != r.told && notify(line) == nil {
		r.told = line
	}
}

// write replaces the file: whoever reads it sees the old one or the new one. It need not survive a
// power cut, so it is not synced.
func (r *reporter) write(say report) error {
	say.Time = time.Now().UTC()
	data, err := json.Marshal(say)
	if err != nil {
		return err
	}
	data = cli.CleanJSON(data) // somebody may look at it with cat
	temp := r.path + ".tmp"
	if err := os.WriteFile(temp, append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(temp, r.path)
}

// close takes the file away: nobody stands behind it any more.
func (r *reporter) close() {
	if r.path != "" {
		os.Remove(r.path)
	}
}

var statusCommand = cli.Command{
	Name: "status", Usage: "[-key] [-run DIR]",
	About: "what the running daemon says; -key: the unit's verifier key",
	Run: func(env *cli.Env, args []string) error {
		f := env.Flags()
		key := f.Bool("key", false, "print the unit's verifier key alone")
		dir := f.String("run", usualRun, "`folder` of status.json")
		if rest, err := env.Parse(f, args); err != nil {
			return err
		} else if len(rest) > 0 {
			return env.Usage("status takes no arguments")
		}
		r, err := readReport(filepath.Join(*dir, statusFile))
		if err != nil {
			return cli.WithHint(err, "\"systemctl status tacetd\" tells whether it runs, and why not")
		}
		if *key {
			if r.UnitKey == "" {
				return errors.New("the unit has no key yet: its disk was not there so far")
			}
			return env.Printf("%s\n", r.UnitKey)
		}
		r.print(env)
		return nil
	},
}

// readReport reads what a running daemon wrote; what a dead one left does not count.
func readReport(path string) (*report, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("tacetd does not run")
	}
	if err != nil {
		return nil, err
	}
	if info.Size() > maxStatus {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxStatus)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(r.PID)); err != nil {
		return nil, errors.New("tacetd does not run: it left its status behind")
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
	row("room left", "%.1f h of recording", r.FreeHours)
	row("version", "%s", r.Version)
	for _, p := range r.Stores {
		line := p.Name + ": " + p.State
		if p.Pending > 0 {
			line += fmt.Sprintf(", %d recordings wait, the oldest since %s", p.Pending, p.Oldest)
		}
		row("store", "%s", line)
	}
	for _, w := range r.Warnings {
		row("warning", "%s: %s", w.Code, w.Message)
	}
}
