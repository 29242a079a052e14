package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const configFile = "/etc/tacet/tacet.toml"

// setting holds the parts of the configuration in which the scenes differ.
type setting struct {
	parties int    // 1 or 2
	codec   string // wav, opus
	release string // "": all
	stores  string // their sections
}

func (s setting) write() error {
	buttons := "[[button]]\nline = \"GPIO5\"\n"
	if s.parties == 2 {
		buttons = "[[button]]\nparty = \"patient\"\nline = \"GPIO5\"\n[[button]]\nparty = \"clinician\"\nline = \"GPIO6\"\n"
	}
	return os.WriteFile(configFile, fmt.Appendf(nil, `[room]
site = "rig"
id = "room-1"
[consent]
notice = "1"
purpose = "Trying the wall unit"
quiet = "0s"
%s[light]
line = "GPIO27"
[status_light]
line = "GPIO23"
[audio]
device = "hw:CARD=Loopback,DEV=1"
codec = "%s"
[encrypt]
recipients = ["/etc/tacet/practice.pub"]
[office]
key = "/etc/tacet/office.vkey"
[spool]
reserve = "30m"
release = "%s"
[mqtt]
broker = "mqtt://127.0.0.1:1883"
%s`, buttons, s.codec, cmp.Or(s.release, "all"), s.stores), 0o644)
}

// report is status.json.
type report struct {
	PID       int    `json:"pid"`
	Version   string `json:"version"`
	Waiting   string `json:"version_waiting"`
	Phase     string `json:"phase"`
	Recording string `json:"recording"`
	Mic       string `json:"mic"`
	UnitKey   string `json:"unit_key"`
	Pending   int    `json:"pending"`
	Warnings  []struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"warnings"`
}

// status reads status.json. It is zero if there is none.
func status() (s report) {
	data, err := os.ReadFile("/run/tacet/status.json")
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		return report{}
	}
	return s
}

func (s report) warns(code string) bool {
	for _, w := range s.Warnings {
		if w.Code == code {
			return true
		}
	}
	return false
}

// warnsOf reports whether a warning is up for a store.
func (s report) warnsOf(code, store string) bool {
	for _, w := range s.Warnings {
		if w.Code == code && (strings.Contains(w.Message, store+":") || strings.Contains(w.Message, store+";") ||
			strings.Contains(w.Message, store+")")) {
			return true
		}
	}
	return false
}

// idle waits until the unit is ready to record.
func idle() error {
	_, err := until("the unit is idle, and has its key", 60*time.Second, func() bool {
		s := status()
		return s.Phase == "idle" && s.UnitKey != ""
	})
	if err != nil {
		err = fmt.Errorf("%w: it says %+v", err, status())
	}
	return err
}

// mainPID is the PID of the daemon, or 0.
func mainPID() int {
	out, _ := run("systemctl", "show", "-p", "MainPID", "--value", "tacetd")
	pid, _ := strconv.Atoi(out)
	return pid
}

// recorded is one line of "tacet ls".
type recorded struct {
	File    string  `json:"file"`
	Seconds float64 `json:"seconds"`
	State   string  `json:"state"`
	Reason  string  `json:"reason"`
}

// recordings lists the spool, oldest first: the names start with the time.
func recordings() (files []string) {
	files, _ = filepath.Glob(spool + "/*.tacet")
	return files
}

// lastFile is the latest recording.
func lastFile() (string, error) {
	files := recordings()
	if len(files) == 0 {
		return "", errNothing
	}
	return files[len(files)-1], nil
}

// last describes the latest recording. There must be count recordings.
func last(count int) (recorded, error) {
	files := recordings()
	if len(files) != count {
		return recorded{}, fmt.Errorf("there are %d recordings instead of %d: %s", len(files), count,
			strings.Join(files, " "))
	}
	if count == 0 {
		return recorded{}, errNothing
	}
	return listed(files[count-1])
}

// listed describes one recording.
func listed(path string) (recorded, error) {
	out, err := run("tacet", "ls", "-json", path)
	if err != nil {
		return recorded{}, err
	}
	var list []recorded
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
		return recorded{}, fmt.Errorf("tacet ls says %s: %w", out, err)
	}
	return list[0], nil
}

// ended waits until the latest recording has a state, and checks its reason.
func ended(count int, state, reason string) (recorded, error) {
	var rec recorded
	var err error
	_, waited := until("", patience, func() bool {
		rec, err = last(count)
		return err == nil && rec.State == state
	})
	if waited != nil && err == nil {
		err = fmt.Errorf("%s is %s, not %s", rec.File, rec.State, state)
	}
	if err == nil && rec.Reason != reason {
		err = fmt.Errorf("%s ended because of %q, not %q", rec.File, rec.Reason, reason)
	}
	return rec, err
}

// listen opens the recording as the office does, and returns its samples.
func (rec recorded) listen() ([]int16, error) {
	const out = "/tmp/out.wav"
	os.Remove(out)
	program := "tacetd"
	if pid := mainPID(); pid != 0 { // the installed version may be one that has failed
		program = fmt.Sprintf("/proc/%d/exe", pid)
	}
	key, err := run(program, "status", "-key")
	if err != nil {
		return nil, err
	}
	if _, err := run("tacet", "verify", "-unit", key, rec.File); err != nil {
		return nil, err
	}
	if _, err := run("tacet", "open", "-unit", key, "-i", "/root/office.key", "-o", out, rec.File); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	const header = 44
	if len(data) < header || string(data[:4]) != "RIFF" {
		return nil, errors.New("tacet open did not write a WAV file")
	}
	data = data[header:]
	samples := make([]int16, len(data)/2)
	for i := range samples {
		samples[i] = int16(uint16(data[2*i]) | uint16(data[2*i+1])<<8)
	}
	return samples, nil
}

// usage is the daemon's average use of the processor.
type usage struct {
	cores    float64
	switches float64 // voluntary context switches of all threads, per second
}

func (u usage) String() string {
	return fmt.Sprintf("%.1f %% of a core, %.1f voluntary context switches a second", 100*u.cores, u.switches)
}

// meter starts to measure a process. The returned function gives the average since then.
func meter(pid int) (read func() (usage, error), err error) {
	before, err := measure(pid)
	return func() (usage, error) {
		after, err := measure(pid)
		seconds := after.at.Sub(before.at).Seconds()
		return usage{(after.cpu - before.cpu).Seconds() / seconds, float64(after.switches-before.switches) / seconds}, err
	}, err
}

// process is what the kernel has counted for a process.
type process struct {
	at       time.Time
	cpu      time.Duration
	switches int64 // voluntary, of all threads
}

func measure(pid int) (p process, err error) {
	p.at = time.Now()
	dir := fmt.Sprintf("/proc/%d/", pid)
	stat, err := os.ReadFile(dir + "stat")
	if err != nil {
		return p, err
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	for _, i := range []int{11, 12} { // utime and stime, in hundredths of a second
		n, _ := strconv.ParseInt(fields[i], 10, 64)
		p.cpu += time.Duration(n) * 10 * time.Millisecond
	}
	threads, _ := filepath.Glob(dir + "task/*/status")
	for _, path := range threads {
		data, _ := os.ReadFile(path)
		n, _ := strconv.ParseInt(field(string(data), "voluntary_ctxt_switches"), 10, 64)
		p.switches += n
	}
	return p, nil
}

// field returns a value from one of the kernel's lists of "name: value".
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// keepTime marks the clock as synchronised, as a time server does for a real unit. Otherwise the
// unit warns, and its status light blinks.
func keepTime() error {
	const status, maxError, estError = 0x10, 0x4, 0x8
	_, err := unix.Adjtimex(&unix.Timex{Modes: status | maxError | estError})
	return err
}
