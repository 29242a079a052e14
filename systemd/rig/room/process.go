package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func (r *room) conformance() error {
	spare, err := run("/usr/local/bin/gpio-chip", "SPARE", "8", "6")
	if err != nil {
		return err
	}
	os.Setenv("TACET_GPIO_SIM", spare)
	out, err := run("/share/hw.test", "-test.run", "^TestConformance$/^gpio-sim$", "-test.v", "-test.timeout", "5m")
	passed := strings.Count(out, "--- PASS: TestConformance/gpio-sim/")
	if err != nil {
		var failures []string
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, "FAIL") || strings.Contains(line, "_test.go:") {
				failures = append(failures, strings.TrimSpace(line))
			}
		}
		held, _ := run("gpioinfo")
		err = fmt.Errorf("%s\n%s", strings.Join(failures, "\n"), held)
	} else if passed == 0 {
		return fmt.Errorf("it tried nothing: %s", out)
	}
	r.note("%d cases", passed)
	return err
}

// doctor tests the unit as a technician does, once beside the daemon and once with the service
// stopped. Somebody speaks, since a constant signal of the microphone is a finding.
func (r *room) doctor() error {
	s, err := speak()
	if err != nil {
		return err
	}
	defer s.stop()
	for _, args := range [][]string{{"doctor"}, {"doctor", "-stop"}} {
		out, err := run("tacetd", args...)
		if err != nil {
			return err
		}
		verdict := out[strings.LastIndex(out, "\n")+1:]
		if !strings.HasPrefix(verdict, "Ready") {
			return fmt.Errorf("the last line is no verdict: %q", verdict)
		}
		r.note("%s: %s", strings.Join(args, " "), verdict)
	}
	return idle()
}

// sealed checks the limits and rights of the process.
func (r *room) sealed() error {
	pid := mainPID()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(limits)) {
		if rest, ok := strings.CutPrefix(line, "Max core file size"); ok && strings.Fields(rest)[0] != "0" {
			return fmt.Errorf("core dumps are allowed: %s", line)
		}
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	locked, _ := strconv.Atoi(strings.TrimSuffix(field(string(status), "VmLck"), " kB"))
	size, _ := strconv.Atoi(strings.TrimSuffix(field(string(status), "VmSize"), " kB"))
	if locked < size/2 { // the pages of the program file are not
		return fmt.Errorf("of %d kB of address space only %d are locked", size, locked)
	}
	if field(string(status), "CapEff") != "0000000000000000" || field(string(status), "CapBnd") != "0000000000000000" {
		return fmt.Errorf("it has capabilities of root")
	}
	// The kernel gives the folder of a process that is not dumpable to root.
	info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return err
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; owner != 0 {
		return fmt.Errorf("user %d, who runs it, can read its memory", owner)
	}
	swap, err := run("sh", "-c", "cat /sys/fs/cgroup/$(systemctl show -p ControlGroup --value tacetd)/memory.swap.max")
	if err != nil || swap != "0" {
		return fmt.Errorf("it may be swapped out: %s %w", swap, err)
	}
	r.note("%d kB locked; resident %s", locked, field(string(status), "VmRSS"))
	return nil
}

// quiet measures an idle unit.
func (r *room) quiet() error {
	const minute = 60 * time.Second
	pid := mainPID()
	if w := status().Warnings; len(w) > 0 {
		r.note("with warnings up, the status light blinks: %v", w)
	}
	usage, err := meter(pid)
	if err != nil {
		return err
	}
	pause(minute)
	used, err := usage()
	if err != nil {
		return err
	}
	r.note("idle: %v", used)
	open, err := run("sh", "-c", fmt.Sprintf("ls -l /proc/%d/fd | grep -c /dev/snd/ || true", pid))
	if err != nil || open != "0" {
		return fmt.Errorf("%s sound devices are open %w", open, err)
	}
	sockets, err := run("ss", "-Hlnp")
	if err != nil {
		return err
	}
	for line := range strings.Lines(sockets) {
		if strings.Contains(line, fmt.Sprintf("pid=%d,", pid)) {
			return fmt.Errorf("it listens: %s", line)
		}
	}
	if used.switches > 10 {
		return fmt.Errorf("more than 10 context switches a second")
	}
	return nil
}

// inClear searches everything that the unit stores for the sound of the first recording and for
// private keys. Of each second of sound it searches for 8 samples, which do not occur by chance.
func (r *room) inClear() error {
	samples, err := recorded{File: recordings()[0]}.listen()
	if err != nil {
		return err
	}
	secrets := [][]byte{[]byte("AGE-SECRET-KEY")}
	for at := rate; at+8 <= len(samples); at += rate {
		word, _ := binary.Append(nil, binary.LittleEndian, samples[at:at+8])
		if !bytes.Equal(word, make([]byte, len(word))) { // a gap
			secrets = append(secrets, word)
		}
	}
	files := 0
	for _, dir := range []string{"/var/lib/tacet", "/var/log", "/run/tacet"} {
		err = errors.Join(err, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			files++
			data, err := os.ReadFile(path)
			for _, secret := range secrets {
				if bytes.Contains(data, secret) {
					return fmt.Errorf("%s holds %x", path, secret)
				}
			}
			return err
		}))
	}
	r.note("%d files, and %d stretches of sound", files, len(secrets)-1)
	return err
}
