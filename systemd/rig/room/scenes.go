package main

import (
	"fmt"
	"os"
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
			setting{1, "wav"}.write,
			keepTime,
			func() error { _, err := run("systemctl", "start", "tacetd"); return err },
			idle,
			func() error {
				return stays("dark, microphone closed", time.Second, func() bool { return !r.lit() && !micOpen() })
			},
		)
	})
	r.check("hw's conformance tests pass on the kernel's own lines", r.conformance)
	r.check("its memory is its own: no core dump, no swap, no debugger, samples locked", r.sealed)
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
	r.check("kill -9 while recording: dark, idle again, closed as interrupted, with all that had reached the disk", r.killed)
	r.check("the microphone pulled out while recording: noticed, whole, and it works again without a restart", r.unplugged)
	r.check("an opus recording is whole", r.opus)
	r.check("two parties: one alone records nothing, any one ends it", r.twoParties)
	r.check("500 presses and 500 bounces: none records what not all have given, no withdrawal is missed", r.presses)
	r.check("nothing that tacetd wrote is in clear: not the sound, nor a key that opens it", r.inClear)
}

func (r *room) conformance() error {
	spare, err := run("/usr/local/bin/gpio-chip", "SPARE", "8")
	if err != nil {
		return err
	}
	os.Setenv("TACET_GPIO_SIM", spare)
	out, err := run("/share/hw.test", "-test.run", "^TestConformance$", "-test.v", "-test.timeout", "5m")
	passed := strings.Count(out, "--- PASS: TestConformance/gpio-sim/")
	if err == nil && passed == 0 {
		return fmt.Errorf("it tried nothing: %s", out)
	}
	r.note("%d cases", passed)
	return err
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
	if locked < 600 {
		return fmt.Errorf("%d kB are locked in memory: less than the ring of samples", locked)
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
	r.note("idle: %.2f %% of a core, %.1f voluntary context switches a second", 100*(after.cpu-before.cpu).Seconds()/took, perSecond)
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

// give presses until the microphone is open, and tells from when on there was consent.
func (r *room) give(s *speech, line int) (from int64, err error) {
	r.down(line)
	pause(hand)
	from = s.at()
	r.up(line)
	took, err := until("light after a give", patience, r.lit)
	if err != nil {
		return 0, err
	}
	r.note("release to light: %v", took.Round(time.Millisecond))
	_, err = until("it says recording", patience, func() bool { return status().Phase == "recording" })
	return from, err
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
	took := after.at.Sub(before.at).Seconds()
	to, err := r.withdraw(s, patient)
	if err != nil {
		return err
	}
	rec, err := ended(1, "whole", "withdrawn")
	if err != nil {
		return err
	}
	samples, err := rec.listen()
	if err != nil {
		return err
	}
	overruns, _ := run("sh", "-c", "journalctl -u tacetd -q | grep -c 'lost samples' || true")
	r.note("while recording WAV: %.1f %% of a core, %.0f context switches a second, %s xruns",
		100*(after.cpu-before.cpu).Seconds()/took, float64(after.switches-before.switches)/took, overruns)
	return r.whole(samples, s, from, to)
}

// killed has the daemon die without a word.
func (r *room) killed() error {
	pause(deadTime)
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
	pause(5 * time.Second)
	pid := mainPID()
	at := s.at()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	took, err := until("dark after a crash", patience, func() bool { return !r.lit() && !micOpen() })
	if err != nil {
		return err
	}
	r.note("kill to dark: %v", took.Round(time.Millisecond))
	if _, err := until("it runs again", 60*time.Second, func() bool { p := mainPID(); return p != 0 && p != pid && status().PID == p }); err != nil {
		return err
	}
	if err := idle(); err != nil {
		return err
	}
	if err := stays("dark and idle after a crash", 3*time.Second, func() bool { return !r.lit() && !micOpen() && status().Phase == "idle" }); err != nil {
		return err
	}
	rec, err := ended(count+1, "interrupted", "interrupted")
	if err != nil {
		return err
	}
	samples, err := rec.listen()
	if err != nil {
		return err
	}
	if err := r.whole(samples, s, from, at); err != nil {
		return err
	}
	return r.littleLost(samples, at)
}

// unplugged pulls the sound card out from under a recording.
func (r *room) unplugged() error {
	pause(deadTime)
	count := len(recordings())
	s, err := speak()
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := r.give(s, patient); err != nil {
		return err
	}
	pause(3 * time.Second)
	pid := mainPID()
	began := time.Now()
	go pull("unbind") // which waits until nobody holds the card any more
	if _, err := until("dark, without a microphone", patience, func() bool { return !r.lit() }); err != nil {
		return err
	}
	noticed := time.Since(began)
	r.note("unplugged to dark: %v", noticed.Round(time.Millisecond))
	if _, err := ended(count+1, "whole", "fault"); err != nil {
		return err
	}
	if _, err := until("it says that the microphone is missing", patience, func() bool { s := status(); return s.Mic == "missing" && s.warns("mic-missing") }); err != nil {
		return err
	}
	s.stop()
	pause(deadTime)
	r.press(patient)
	if err := stays("no recording without a microphone", 3*time.Second, func() bool { return status().Phase != "recording" }); err != nil {
		return err
	}
	if _, err := until("dark again", patience, func() bool { return !r.lit() }); err != nil {
		return err
	}
	if err := pull("bind"); err != nil {
		return err
	}
	if err := idle(); err != nil {
		return err
	}
	pause(deadTime)
	if s, err = speak(); err != nil {
		return err
	}
	defer s.stop()
	from, err := r.give(s, patient)
	if err != nil {
		return err
	}
	pause(2 * time.Second)
	to, err := r.withdraw(s, patient)
	if err != nil {
		return err
	}
	rec, err := ended(count+2, "whole", "withdrawn")
	if err != nil {
		return err
	}
	samples, err := rec.listen()
	if err != nil {
		return err
	}
	if err := r.whole(samples, s, from, to); err != nil {
		return err
	}
	if mainPID() != pid {
		return fmt.Errorf("it works again, but as another process: %d was %d", mainPID(), pid)
	}
	if noticed > 2*time.Second {
		return fmt.Errorf("it took %v to notice", noticed)
	}
	return nil
}

func pull(how string) error {
	return os.WriteFile("/sys/bus/platform/drivers/snd_aloop/"+how, []byte("snd_aloop.0"), 0)
}

// reconfigure has the running daemon take another configuration.
func reconfigure(s setting) error {
	if err := s.write(); err != nil {
		return err
	}
	before, _ := run("journalctl", "-u", "tacetd", "-q", "--grep", "new configuration.*changed")
	if _, err := run("systemctl", "reload", "tacetd"); err != nil {
		return err
	}
	_, err := until("the new configuration is taken over", patience, func() bool {
		now, _ := run("journalctl", "-u", "tacetd", "-q", "--grep", "new configuration.*changed")
		return now != before
	})
	if err != nil {
		return err
	}
	return idle()
}

func (r *room) opus() error {
	if err := reconfigure(setting{1, "opus"}); err != nil {
		return err
	}
	pause(deadTime)
	count := len(recordings())
	s, err := speak()
	if err != nil {
		return err
	}
	defer s.stop()
	if _, err := r.give(s, patient); err != nil {
		return err
	}
	pid := mainPID()
	before, err := measure(pid)
	if err != nil {
		return err
	}
	pause(10 * time.Second)
	after, err := measure(pid)
	if err != nil {
		return err
	}
	if _, err := r.withdraw(s, patient); err != nil {
		return err
	}
	rec, err := ended(count+1, "whole", "withdrawn")
	if err != nil {
		return err
	}
	r.note("while recording Opus: %.1f %% of a core", 100*(after.cpu-before.cpu).Seconds()/after.at.Sub(before.at).Seconds())
	if rec.Seconds < 10 {
		return fmt.Errorf("%s has %.1f s, and was made for more than 10", rec.File, rec.Seconds)
	}
	return nil
}

func (r *room) twoParties() error {
	if err := reconfigure(setting{2, "wav"}); err != nil {
		return err
	}
	pause(deadTime)
	count := len(recordings())
	s, err := speak()
	if err != nil {
		return err
	}
	defer s.stop()
	r.press(patient)
	if _, err := until("a pulse after the first of two", patience, r.lit); err != nil {
		return err
	}
	if err := stays("no microphone after the first of two", 3*time.Second, func() bool { return !micOpen() && status().Phase == "idle" }); err != nil {
		return err
	}
	for i, who := range []int{patient, clinician} {
		if i > 0 {
			pause(deadTime)
			r.press(patient)
		}
		from, err := r.give(s, clinician)
		if err != nil {
			return err
		}
		pause(2 * time.Second)
		to, err := r.withdraw(s, who)
		if err != nil {
			return err
		}
		rec, err := ended(count+i+1, "whole", "withdrawn")
		if err != nil {
			return err
		}
		samples, err := rec.listen()
		if err != nil {
			return err
		}
		if err := r.whole(samples, s, from, to); err != nil {
			return err
		}
	}
	return nil
}

// inClear looks for ten seconds' worth of what was said, and for private keys, in all that the unit keeps.
func (r *room) inClear() error {
	found, err := run("sh", "-c", "grep -rlE 'AGE-SECRET-KEY' /var/lib/tacet /var/log /run/tacet /tmp 2>/dev/null || true")
	if err == nil && found != "" {
		err = fmt.Errorf("a private key in %s", found)
	}
	return err
}
