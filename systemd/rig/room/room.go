package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw/hwtest"
)

// The wiring.
const (
	patient   = 5
	clinician = 6
	light     = 27
	ready     = 23
)

const (
	spool = "/var/lib/tacet/spool"
	card  = "/proc/asound/Loopback"
	// patience is the most time for anything on an emulated machine on a busy computer.
	patience = 20 * time.Second
	// hand is the duration of a press.
	hand = 150 * time.Millisecond
	// standstill is the gap between two looks at the light, which are due every 50 ms, from which
	// on the machine has stalled.
	standstill = time.Second
	// deadTime is for how long presses have no effect after an end, and a little more.
	deadTime = 3500 * time.Millisecond
)

// room is what people in the room can see and do.
type room struct {
	sim   hwtest.Sim
	notes []string

	dark  atomic.Int64 // how often the microphone was open in the dark
	still atomic.Int64 // for how long the machine stalled, in ns
	eyes  bool
}

// enter finds the GPIO chip, and starts to watch the light.
func (r *room) enter() error {
	chips, err := filepath.Glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio" + strconv.Itoa(light))
	if err != nil || len(chips) != 1 {
		return fmt.Errorf("%d chips have a line %d, not one: %v", len(chips), light, err)
	}
	r.sim = hwtest.Sim(filepath.Dir(chips[0]))
	if !r.eyes {
		r.eyes = true
		go r.watch()
	}
	return nil
}

// watch checks the first promise: the microphone is open only while the light is on.
func (r *room) watch() {
	last := time.Now()
	for range time.Tick(50 * time.Millisecond) {
		if gap := time.Since(last); gap > standstill {
			r.still.Add(int64(gap))
		}
		last = time.Now()
		before := micOwner()
		if before != "" && !r.lit() && micOwner() == before {
			r.dark.Add(1)
		}
	}
}

// seen returns an error if the light was dark while the microphone was open.
func (r *room) seen() error {
	if n := r.dark.Swap(0); n > 0 {
		return fmt.Errorf("the microphone was open and the light was dark, %d times", n)
	}
	return nil
}

func (r *room) lit() bool {
	level, err := r.sim.Level(light)
	return err == nil && bool(level)
}

// micOwner identifies the present use of the microphone; "" is none.
func micOwner() string {
	for _, path := range []string{card + "/pcm1c/sub0/status", card + "/pcm1c/sub1/status"} {
		data, _ := os.ReadFile(path)
		if text := string(data); text != "" && !strings.HasPrefix(text, "closed") {
			for line := range strings.Lines(text) {
				if strings.HasPrefix(line, "trigger_time") || strings.HasPrefix(line, "owner_pid") {
					path += strings.TrimSpace(line)
				}
			}
			return path
		}
	}
	return ""
}

func micOpen() bool { return micOwner() != "" }

// down and up move a button. Both override the pull that tacetd requests.
func (r *room) down(line int) { r.drive(line, gpio.Low) }
func (r *room) up(line int)   { r.drive(line, gpio.High) }

func (r *room) drive(line int, level gpio.Level) {
	if err := r.sim.Drive(line, level); err != nil {
		fmt.Printf("not ok - the rig itself: %v\n", err)
		os.Exit(1)
	}
}

// press presses and releases.
func (r *room) press(line int) {
	r.down(line)
	pause(hand)
	r.up(line)
}

func pause(d time.Duration) { <-time.After(d) }

// until waits for a condition, and returns how long that took.
func until(what string, limit time.Duration, is func() bool) (time.Duration, error) {
	start := time.Now()
	for tick := time.Tick(5 * time.Millisecond); ; <-tick {
		if is() {
			return time.Since(start), nil
		}
		if time.Since(start) > limit {
			return 0, fmt.Errorf("not within %v: %s", limit, what)
		}
	}
}

// stays checks that a condition holds for some time.
func stays(what string, length time.Duration, is func() bool) error {
	start := time.Now()
	for tick := time.Tick(100 * time.Millisecond); time.Since(start) < length; <-tick {
		if !is() {
			return fmt.Errorf("no longer, after %v: %s", time.Since(start).Round(time.Millisecond), what)
		}
	}
	return nil
}

// run runs a program. Its error includes the program's output.
func run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s%s", name, strings.Join(args, " "), err, out, stderr.String())
	}
	return strings.TrimSpace(string(out)), err
}

// steps runs functions up to the first error.
func steps(list ...func() error) error {
	for _, step := range list {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

var errNothing = errors.New("nothing there")
