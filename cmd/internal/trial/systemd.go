package trial

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tacet/config/bounded"
	"tacet/config/textfile"
)

const (
	answerTime = 30 * time.Second // for systemctl
	maxAnswer  = 64 << 10         // bytes
	maxStatus  = 1 << 20          // bytes
)

// Systemd is the service as systemd runs it.
type Systemd struct {
	Unit   string // tacetd.service
	Status string // path of status.json
}

// properties are what is asked of systemd.
var properties = []string{"ActiveState", "MainPID", "NRestarts", "ExecMainStatus", "ExecMainExitTimestampMonotonic",
	"WatchdogTimestampMonotonic", "WatchdogUSec"}

// Look asks systemd, the kernel, and the service's own report.
func (d Systemd) Look(ctx context.Context, installed string) (Seen, error) {
	p, err := d.show(ctx, properties...)
	if err != nil {
		return Seen{}, err
	}
	s := Seen{
		Active: p["ActiveState"], Exit: number(p["ExecMainStatus"]), ExitAt: micros(p["ExecMainExitTimestampMonotonic"]),
		Restarts: number(p["NRestarts"]), PID: number(p["MainPID"]),
		Fed: micros(p["WatchdogTimestampMonotonic"]), Watched: p["WatchdogUSec"] != "0" && p["WatchdogUSec"] != "infinity",
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return Seen{}, err
	}
	s.At = time.Duration(now.Nano())
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Seen{}, err
	}
	s.Boot = strings.TrimSpace(string(boot))
	if s.PID != 0 {
		s.Installed = sameFile(fmt.Sprintf("/proc/%d/exe", s.PID), installed)
		d.report(&s)
	}
	return s, nil
}

// show asks systemd for properties of the service.
func (d Systemd) show(ctx context.Context, names ...string) (map[string]string, error) {
	out, err := d.systemctl(ctx, "show", "--property="+strings.Join(names, ","), d.Unit)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), "=")
		found[key] = value
	}
	return found, nil
}

func (d Systemd) systemctl(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"--no-ask-password"}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err == nil && len(out) > maxAnswer {
		err = bounded.ErrTooLong
	}
	if err != nil {
		return nil, fmt.Errorf("systemctl %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

func number(text string) int {
	n, _ := strconv.Atoi(text)
	return n
}

func micros(text string) time.Duration {
	n, _ := strconv.ParseInt(text, 10, 64)
	return time.Duration(n) * time.Microsecond
}

// sameFile reports whether a process runs a file: not one of the same name from before.
func sameFile(exe, path string) bool {
	a, err := os.Stat(exe)
	if err != nil {
		return false
	}
	b, err := os.Stat(path)
	return err == nil && os.SameFile(a, b)
}

// report fills in what the process says of itself.
func (d Systemd) report(s *Seen) {
	// Its folder is the service's: only an ordinary file can't hold root up.
	data, err := textfile.Bytes(d.Status, maxStatus)
	if err != nil {
		return
	}
	var r struct {
		PID      int    `json:"pid"`
		Version  string `json:"version"`
		Phase    string `json:"phase"`
		Warnings []struct {
			Code   string `json:"code"`
			Blocks bool   `json:"blocks"`
		} `json:"warnings"`
	}
	if json.Unmarshal(data, &r) != nil || r.PID != s.PID {
		return
	}
	s.Reported, s.Version, s.Recording, s.Blocking = true, r.Version, r.Phase == "recording", []string{}
	for _, w := range r.Warnings {
		if w.Blocks {
			s.Blocking = append(s.Blocking, w.Code)
		}
	}
}

// Loaded asks systemd whether a file of the service has changed since it read them.
func (d Systemd) Loaded(ctx context.Context) (bool, error) {
	p, err := d.show(ctx, "NeedDaemonReload")
	return p["NeedDaemonReload"] == "no", err
}

// Reload makes systemd read the files of its units.
func (d Systemd) Reload(ctx context.Context) error {
	_, err := d.systemctl(ctx, "daemon-reload")
	return err
}

// Restart does not wait for the service: the next look does.
func (d Systemd) Restart(ctx context.Context) error {
	_, err := d.systemctl(ctx, "restart", "--no-block", d.Unit)
	return err
}

// maxProgram bounds what is hashed.
const maxProgram = 256 << 20

// hash returns the SHA-256 of a file, in hexadecimal, as sha256sum prints it.
func hash(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(f, maxProgram+1))
	if err == nil && n > maxProgram {
		err = errors.New("too large to be a program")
	}
	if err != nil {
		return "", fmt.Errorf("hash %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
