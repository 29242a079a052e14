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

// speakTime is how long the long recording is.
func speakTime() time.Duration {
	if os.Getenv("RIG_LONG") != "" {
		return 10 * time.Minute
	}
	return time.Minute
}

// first is the unit's first day.
func first(r *room) {
	r.check("the unit starts, dark, and has made its key", func() error {
		return steps(
			setting{parties: 1, codec: "wav"}.write,
			r.start,
			func() error {
				return stays("dark, microphone closed", time.Second, func() bool { return !r.lit() && !micOpen() })
			},
		)
	})
	r.check("hw's conformance tests pass on the kernel's own lines", r.conformance)
	r.check("its memory is its own: no core dump, no swap, no debugger, all of it locked", r.sealed)
	r.check("tacetd doctor finds nothing wrong: beside the daemon, and in its place", r.doctor)
	r.check("idle: nothing listens, no microphone is open, it hardly ever wakes up", r.quiet)
	broker, err := subscribe()
	if err != nil {
		fmt.Printf("not ok - listen to the broker\n# %v\n", err)
		return
	}
	defer broker.stop()
	r.check("a press is a recording, a second press its end; opened, it has every sample once and in order", func() error {
		return r.longRecording(broker)
	})
	r.check("what the broker has been told is what happened, and no more", broker.told)
	r.check("kill -9 while recording: dark, idle again, closed as interrupted, with all that had reached the disk",
		r.killed)
	r.check("the microphone pulled out while recording: noticed, whole, and it works again without a restart", r.unplugged)
	r.check("clocks slewed by a tenth, faster and slower, while recording: nothing missing, no silence, the pace said",
		r.slewed)
	r.check("an opus recording is whole", r.opus)
	r.check("two parties: one alone records nothing, any one ends it", r.twoParties)
	r.check("nothing that tacetd wrote is in clear: not the sound, nor a key that opens it", r.inClear)
}

// start has the daemon run with the configuration that is there.
func (r *room) start() error {
	return steps(
		keepTime,
		func() error { _, err := run("systemctl", "restart", "tacetd"); return err },
		idle,
	)
}

func (r *room) conformance() error {
	spare, err := run("/usr/local/bin/gpio-chip", "SPARE", "8", "6")
	if err != nil {
		return err
	}
	os.Setenv("TACET_GPIO_SIM", spare)
	out, err := run("/share/hw.test", "-test.run", "^TestConformance$/^gpio-sim$", "-test.v", "-test.timeout", "5m")
	passed := strings.Count(out, "--- PASS: TestConformance/gpio-sim/")
	if err != nil {
		var said []string
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, "FAIL") || strings.Contains(line, "_test.go:") {
				said = append(said, strings.TrimSpace(line))
			}
		}
		held, _ := run("gpioinfo")
		err = fmt.Errorf("%s\n%s", strings.Join(said, "\n"), held)
	} else if passed == 0 {
		return fmt.Errorf("it tried nothing: %s", out)
	}
	r.note("%d cases", passed)
	return err
}

// doctor tries the unit as a technician does, once beside the daemon, once while the service is
// stopped for it. Somebody speaks: a microphone whose signal does not move is a finding.
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
		r.note("%s: %s", strings.Join(args, " "), out[strings.LastIndex(out, "\n")+1:])
	}
	return idle()
}

// sealed looks at what the kernel and systemd know of the process.
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
	if locked < size/2 { // the pages of the program are not
		return fmt.Errorf("of %d kB of addresses only %d are locked in memory", size, locked)
	}
	if field(string(status), "CapEff") != "0000000000000000" || field(string(status), "CapBnd") != "0000000000000000" {
		return fmt.Errorf("it has rights of root's")
	}
	// Of a process that is not dumpable the kernel gives its folder to root.
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

// quiet is the unit as it hangs there all day.
func (r *room) quiet() error {
	const minute = 60 * time.Second
	pid := mainPID()
	if w := status().Warnings; len(w) > 0 {
		r.note("with warnings up, the status light blinks: %v", w)
	}
	before, err := measure(pid)
	if err != nil {
		return err
	}
	pause(minute)
	after, err := measure(pid)
	if err != nil {
		return err
	}
	took := after.at.Sub(before.at).Seconds()
	perSecond := float64(after.switches-before.switches) / took
	r.note("idle: %.2f %% of a core, %.1f voluntary context switches a second", 100*(after.cpu-before.cpu).Seconds()/took,
		perSecond)
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
	if perSecond > 10 {
		return fmt.Errorf("more than 10 context switches a second")
	}
	return nil
}

// give presses until it records, and tells from when on there was consent. An emulated machine that
// is busy can't always tell how old an edge is, and then it gives nothing: so one presses again, as
// people do.
func (r *room) give(s *speech, line int) (from int64, err error) {
	for range 3 {
		r.down(line)
		pause(hand)
		from = s.at()
		r.up(line)
		var took time.Duration
		if took, err = until("light after a give", patience/2, r.lit); err != nil {
			continue
		}
		if _, err = until("it says recording", patience/2, func() bool { return status().Phase == "recording" }); err == nil {
			r.note("release to light: %v", took.Round(time.Millisecond))
			return from, nil
		}
	}
	return 0, err
}

// withdraw presses, and tells the last sample that may be there.
func (r *room) withdraw(s *speech, line int) (to int64, err error) {
	r.down(line)
	to = s.at()
	took, err := until("dark after a withdrawal", patience, func() bool { return !r.lit() })
	pause(hand)
	r.up(line)
	r.note("press to dark: %v", took.Round(time.Millisecond))
	return to, err
}

func (r *room) longRecording(b *broker) error {
	count := len(recordings())
	s, err := speak()
	if err != nil {
		return err
	}
	defer s.stop()
	from, err := r.give(s, patient)
	if err != nil {
		return err
	}
	pid := mainPID()
	before, err := measure(pid)
	if err != nil {
		return err
	}
	if err := stays("recording, and the light on", speakTime(), func() bool { return r.lit() && micOpen() }); err != nil {
		return err
	}
	after, err := measure(pid)
	if err != nil {
		return err
	}
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	resident := field(string(memory), "VmRSS")
	took := after.at.Sub(before.at).Seconds()
	if _, err := r.withdrawn(s, from, count+1); err != nil {
		return err
	}
	overruns, _ := run("sh", "-c", "journalctl -u tacetd -q | grep -c 'lost samples' || true")
	r.note("while recording WAV: %.1f %% of a core, %.0f context switches a second, %s xruns; resident %s",
		100*(after.cpu-before.cpu).Seconds()/took, float64(after.switches-before.switches)/took, overruns, resident)
	return nil
}

// withdrawn has the patient withdraw, and wants the n-th recording to be whole: all that was said
// since from, once and in order.
func (r *room) withdrawn(s *speech, from int64, n int) (recorded, error) {
	to, err := r.withdraw(s, patient)
	if err != nil {
		return recorded{}, err
	}
	rec, err := ended(n, "whole", "withdrawn")
	if err != nil {
		return rec, err
	}
	samples, err := rec.listen()
	if err != nil {
		return rec, err
	}
	return rec, r.whole(samples, s, from, to)
}

// inClear looks for what was said in the first recording, and for private keys, in all that the
// unit keeps. Of the sound it takes 8 samples, which no chance puts there, out of each second.
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
