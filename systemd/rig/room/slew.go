package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// usualTick is how many microseconds the kernel adds to its clocks at each of a hundred ticks a
// second.
const usualTick = 10_000

// slew makes the kernel's clocks go at another pace, as a time server does that pulls a clock
// right: CLOCK_MONOTONIC and all timers with it, and so the virtual sound card, but not
// CLOCK_MONOTONIC_RAW.
func slew(tick int64) error {
	const adjTick = 0x4000 // ADJ_TICK of adjtimex(2)
	if _, err := unix.Adjtimex(&unix.Timex{Modes: adjTick, Tick: tick}); err != nil {
		return fmt.Errorf("set the kernel's tick to %d us: %w", tick, err)
	}
	return nil
}

// slewed records while the kernel's clocks are made to go a tenth faster, and a tenth slower.
// Nothing is lost, so nothing may be missing and no silence put in; and since the card follows the
// slewed clock, it is right to warn of its pace.
func (r *room) slewed() error {
	defer slew(usualTick)
	for _, tick := range []int64{11_000, 9_000} {
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
		if _, err := r.withdrawn(s, from, count+1); err != nil {
			return fmt.Errorf("with a tick of %d us: %w", tick, err)
		}
		s.stop()
		pause(deadTime)
	}
	return nil
}
