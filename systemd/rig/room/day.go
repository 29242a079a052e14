package main

import (
	"fmt"
	"os"
	"time"
)

// speakTime is the length of the long recording.
func speakTime() time.Duration {
	if os.Getenv("RIG_LONG") != "" {
		return 10 * time.Minute
	}
	return time.Minute
}

// first is the first day of a unit.
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
	r.check("its memory is private: no core dump, no swap, no debugger, all of it locked", r.sealed)
	r.check("tacetd doctor finds nothing wrong: beside the daemon, and in its place", r.doctor)
	r.check("idle: nothing listens, no microphone is open, it rarely wakes up", r.quiet)
	broker, err := subscribe()
	if err != nil {
		fmt.Printf("not ok - listen to the broker\n# %v\n", err)
		return
	}
	defer broker.stop()
	r.check("a press is a recording, a second press its end; opened, it has every sample once and in "+
		"order", r.longRecording)
	r.check("the broker has received what happened, and no more", broker.discreet)
	r.check("kill -9 while recording: dark, idle again, closed as interrupted, with all that had reached the disk",
		r.killed)
	r.check("the microphone unplugged while recording: noticed, whole, and it works again without a restart", r.unplugged)
	r.check("clocks slewed by a tenth, faster and slower, while recording: nothing missing, no silence, the pace reported",
		r.slewed)
	r.check("an opus recording is whole", r.opus)
	r.check("two parties: one alone records nothing, any one ends it", r.twoParties)
	r.check("nothing that tacetd wrote is in clear: not the sound, nor a key that opens it", r.inClear)
}

// start restarts the daemon with the present configuration.
func (r *room) start() error {
	return steps(
		keepTime,
		func() error { _, err := run("systemctl", "restart", "tacetd"); return err },
		idle,
	)
}

func (r *room) longRecording() error {
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	pid := mainPID()
	usage, err := meter(pid)
	if err != nil {
		return err
	}
	if err := stays("recording, and the light on", speakTime(), func() bool { return r.lit() && micOpen() }); err != nil {
		return err
	}
	used, err := usage()
	if err != nil {
		return err
	}
	memory, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err
	}
	if _, err := c.end(patient); err != nil {
		return err
	}
	overruns, _ := run("sh", "-c", "journalctl -u tacetd -q | grep -c 'lost samples' || true")
	r.note("while recording WAV: %v, %s xruns; resident %s", used, overruns, field(string(memory), "VmRSS"))
	return nil
}

func (r *room) opus() error {
	if err := reconfigure(setting{parties: 1, codec: "opus"}); err != nil {
		return err
	}
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	usage, err := meter(mainPID())
	if err != nil {
		return err
	}
	pause(10 * time.Second)
	used, err := usage()
	if err != nil {
		return err
	}
	if _, err := r.withdraw(c.speech, patient); err != nil {
		return err
	}
	rec, err := c.ended("whole", "withdrawn")
	if err != nil {
		return err
	}
	r.note("while recording Opus: %v", used)
	if rec.Seconds < 10 {
		return fmt.Errorf("%s has %.1f s after a recording of more than 10 s", rec.File, rec.Seconds)
	}
	return nil
}

func (r *room) twoParties() error {
	if err := reconfigure(setting{parties: 2, codec: "wav"}); err != nil {
		return err
	}
	pause(deadTime)
	r.press(patient)
	if _, err := until("a pulse after the first of two", patience, r.lit); err != nil {
		return err
	}
	if err := stays("no microphone after the first of two", 3*time.Second,
		func() bool { return !micOpen() && status().Phase == "idle" }); err != nil {
		return err
	}
	c, err := r.consult(clinician) // the patient's consent still stands
	if err != nil {
		return err
	}
	defer c.stop()
	pause(2 * time.Second)
	if _, err := c.end(patient); err != nil {
		return err
	}
	c.stop()
	if c, err = r.consult(patient, clinician); err != nil {
		return err
	}
	defer c.stop()
	pause(2 * time.Second)
	_, err = c.end(clinician)
	return err
}
