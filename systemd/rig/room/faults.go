package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

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
	if _, err := until("it runs again", 60*time.Second,
		func() bool { p := mainPID(); return p != 0 && p != pid && status().PID == p }); err != nil {
		return err
	}
	if err := idle(); err != nil {
		return err
	}
	if err := stays("dark and idle after a crash", 3*time.Second,
		func() bool { return !r.lit() && !micOpen() && status().Phase == "idle" }); err != nil {
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
	if _, err := until("it says that the microphone is missing", patience,
		func() bool { s := status(); return s.Mic == "missing" && s.warns("mic-missing") }); err != nil {
		return err
	}
	s.stop()
	pause(deadTime)
	r.press(patient)
	if err := stays("no recording without a microphone", 3*time.Second,
		func() bool { return status().Phase != "recording" }); err != nil {
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
	if _, err := r.withdrawn(s, from, count+2); err != nil {
		return err
	}
	if err := samePID(pid); err != nil {
		return err
	}
	if noticed > 2*time.Second {
		return fmt.Errorf("it took %v to notice", noticed)
	}
	return nil
}

func pull(how string) error {
	return os.WriteFile("/sys/bus/platform/drivers/snd_aloop/"+how, []byte("snd_aloop.0"), 0)
}

// reconfigure has the running daemon take another configuration; it may have done so before, where
// a check is made once more.
func reconfigure(s setting) error {
	if err := s.write(); err != nil {
		return err
	}
	said := func() string {
		out, _ := run("journalctl", "-u", "tacetd", "-q", "--grep",
			"new configuration.*changed|configuration has not changed")
		return out
	}
	before := said()
	if _, err := run("systemctl", "reload", "tacetd"); err != nil {
		return err
	}
	_, err := until("the new configuration is taken over", patience, func() bool {
		return said() != before
	})
	if err != nil {
		return err
	}
	return idle()
}

func (r *room) opus() error {
	if err := reconfigure(setting{parties: 1, codec: "opus"}); err != nil {
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
	r.note("while recording Opus: %.1f %% of a core",
		100*(after.cpu-before.cpu).Seconds()/after.at.Sub(before.at).Seconds())
	if rec.Seconds < 10 {
		return fmt.Errorf("%s has %.1f s, and was made for more than 10", rec.File, rec.Seconds)
	}
	return nil
}

func (r *room) twoParties() error {
	if err := reconfigure(setting{parties: 2, codec: "wav"}); err != nil {
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
	if err := stays("no microphone after the first of two", 3*time.Second,
		func() bool { return !micOpen() && status().Phase == "idle" }); err != nil {
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
