package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// usualTick is how many microseconds the kernel adds to its clocks at each of a hundred ticks per
// second.
const usualTick = 10_000

// slew changes the pace of the kernel's clocks, as a time server does to correct a clock:
// CLOCK_MONOTONIC and all timers, and with them the virtual sound card, but not
// CLOCK_MONOTONIC_RAW.
func slew(tick int64) error {
	const adjTick = 0x4000 // ADJ_TICK of adjtimex(2)
	if _, err := unix.Adjtimex(&unix.Timex{Modes: adjTick, Tick: tick}); err != nil {
		return fmt.Errorf("set the kernel's tick to %d us: %w", tick, err)
	}
	return nil
}

// slewed records while the kernel's clocks run a tenth faster, and a tenth slower. Nothing is lost,
// so nothing may be missing and no silence inserted. The card follows the slewed clock, so the
// warning of its pace is right.
func (r *room) slewed() error {
	for _, tick := range []int64{11_000, 9_000} {
		if err := r.recordSlewed(tick); err != nil {
			return fmt.Errorf("with a tick of %d us: %w", tick, err)
		}
	}
	return nil
}

func (r *room) recordSlewed(tick int64) error {
	c, err := r.consult(patient)
	if err != nil {
		return err
	}
	defer c.stop()
	pause(5 * time.Second)
	defer slew(usualTick)
	if err := slew(tick); err != nil {
		return err
	}
	if _, err := until("warning of the card's pace", time.Minute,
		func() bool { return status().warns("mic-pace") }); err != nil {
		return err
	}
	pause(5 * time.Second)
	if err := slew(usualTick); err != nil {
		return err
	}
	pause(10 * time.Second)
	_, err = c.end(patient)
	return err
}
