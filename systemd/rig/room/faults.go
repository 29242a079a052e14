package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"syscall"
	"time"
)

// killed kills the daemon while it records.
func (r *room) killed() error {
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	pause(5 * time.Second)
	pid := mainPID()
	at := c.at()
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
	rec, err := c.ended("interrupted", "interrupted")
	if err != nil {
		return err
	}
	samples, err := rec.listen()
	if err != nil {
		return err
	}
	if err := r.whole(samples, c.speech, c.from, at); err != nil {
		return err
	}
	return r.littleLost(samples, at)
}

// unplugged unplugs the sound card during a recording, and plugs it in again.
func (r *room) unplugged() error {
	pid := mainPID()
	noticed, err := r.unplug()
	if err != nil {
		return err
	}
	pause(deadTime)
	r.press(patient)
	if err := stays("no recording without a microphone", 3*time.Second,
		func() bool { return status().Phase != "recording" }); err != nil {
		return err
	}
	if _, err := until("dark again", patience, func() bool { return !r.lit() }); err != nil {
		return err
	}
	if err := driver("bind"); err != nil {
		return err
	}
	if err := idle(); err != nil {
		return err
	}
	if _, err := r.record(2*time.Second, patient); err != nil {
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

// unplug unplugs the sound card during a recording. noticed is the time until the light was dark.
func (r *room) unplug() (noticed time.Duration, err error) {
	c, err := r.consult(patient)
	if err != nil {
		return 0, err
	}
	defer c.stop()
	pause(3 * time.Second)
	go driver("unbind") // which waits until nobody holds the card
	noticed, err = until("dark, without a microphone", patience, func() bool { return !r.lit() })
	if err != nil {
		return 0, err
	}
	r.note("unplugged to dark: %v", noticed.Round(time.Millisecond))
	if _, err := c.ended("whole", "fault"); err != nil {
		return 0, err
	}
	_, err = until("it says that the microphone is missing", patience,
		func() bool { s := status(); return s.Mic == "missing" && s.warns("mic-missing") })
	return noticed, err
}

// driver binds the sound card's driver to the card, or unbinds it: the card appears or disappears.
func driver(action string) error {
	return os.WriteFile("/sys/bus/platform/drivers/snd_aloop/"+action, []byte("snd_aloop.0"), 0)
}

// reconfigure makes the running daemon use another configuration. When a check is repeated, it may
// use it already.
func reconfigure(s setting) error {
	old, err := os.ReadFile(configFile)
	if err != nil {
		return err
	}
	if err := s.write(); err != nil {
		return err
	}
	if now, err := os.ReadFile(configFile); err != nil || bytes.Equal(old, now) {
		return err
	}
	before := publishedConfig()
	if _, err := run("systemctl", "reload", "tacetd"); err != nil {
		return err
	}
	if _, err := until("the new configuration is in use", patience, func() bool {
		now := publishedConfig()
		return now != "" && now != before
	}); err != nil {
		return err
	}
	return idle()
}

// publishedConfig is the hash of the configuration that the unit publishes, or empty.
func publishedConfig() string {
	out, _ := run("mosquitto_sub", "-C", "1", "-W", "5", "-t", "tacet/rig/room-1/state")
	var state struct{ Config string }
	if json.Unmarshal([]byte(out), &state) != nil {
		return ""
	}
	return state.Config
}
