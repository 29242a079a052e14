package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// heldAtBoot is after a reboot during which somebody held the patient's button, before anything
// else was touched.
func heldAtBoot(r *room) {
	count := len(recordings())
	r.check("a button held while the unit boots gives nothing, and nor does letting go", func() error {
		return steps(
			idle,
			func() error {
				return stays("dark, microphone closed", 2*time.Second, func() bool { return !r.lit() && !micOpen() })
			},
			func() error {
				r.up(patient)
				return stays("dark after letting go", 2*time.Second, func() bool { return !r.lit() && !micOpen() })
			},
			func() error {
				if n := len(recordings()); n != count {
					return fmt.Errorf("%d recordings, %d before", n, count)
				}
				return nil
			},
		)
	})
	r.check("after a reboot it records as before", func() error {
		s, err := speak()
		if err != nil {
			return err
		}
		defer s.stop()
		r.press(patient)
		pause(500 * time.Millisecond)
		from, err := r.give(s, clinician)
		if err != nil {
			return err
		}
		pause(2 * time.Second)
		_, err = r.withdrawn(s, from, count+1)
		return err
	})
}

const cutFile = "/share/cut" // outside of the unit: it has to be known after the power has gone

// untilTheCut records, and writes down how far the sound has got, until somebody cuts the power.
func untilTheCut(r *room) {
	pause(deadTime)
	s, err := speak()
	if err != nil {
		fmt.Printf("not ok - record until the power is cut\n# %v\n", err)
		return
	}
	r.press(patient)
	pause(500 * time.Millisecond)
	from, err := r.give(s, clinician)
	if err != nil {
		fmt.Printf("not ok - record until the power is cut\n# %v\n", err)
		r.explain(time.Now().Add(-time.Minute))
		return
	}
	count := len(recordings())
	for n := 0; ; n++ {
		note := fmt.Sprintf("%d %d %d\n", count, from, s.at())
		if err := os.WriteFile(cutFile+".new", []byte(note), 0o600); err == nil {
			os.Rename(cutFile+".new", cutFile)
		}
		if n == 40 {
			fmt.Println("cut")
		}
		pause(100 * time.Millisecond)
	}
}

// afterTheCut looks at what the power cut has left.
func afterTheCut(r *room) {
	r.check("the power cut while recording: closed as interrupted, no more than a segment, a sync and 0.1 s lost",
		func() error {
			note, err := os.ReadFile(cutFile)
			if err != nil {
				return err
			}
			var count int
			var from, at int64
			if _, err := fmt.Sscan(string(note), &count, &from, &at); err != nil {
				return err
			}
			if err := idle(); err != nil {
				return err
			}
			if err := stays("dark after a power cut", time.Second, func() bool { return !r.lit() && !micOpen() }); err != nil {
				return err
			}
			rec, err := ended(count, "interrupted", "interrupted")
			if err != nil {
				return err
			}
			samples, err := rec.listen()
			if err != nil {
				return err
			}
			s := &speech{}
			if err := r.whole(samples, s, from, at+2*rate); err != nil {
				return err
			}
			return r.littleLost(samples, at)
		})
	r.check("every other recording is as it was", func() error {
		out, err := run("tacet", "ls", spool)
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if !strings.Contains(line, "whole") && !strings.Contains(line, "interrupted") {
				return fmt.Errorf("%s", line)
			}
		}
		r.note("%s recordings", strconv.Itoa(len(recordings())))
		return nil
	})
}
