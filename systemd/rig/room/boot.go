package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// heldAtBoot follows a reboot during which somebody held the patient's button, which is still held.
func heldAtBoot(r *room) {
	count := len(recordings())
	r.check("a button held while the unit boots gives nothing, nor does its release", func() error {
		return steps(
			idle,
			func() error {
				return stays("dark, microphone closed", 2*time.Second, func() bool { return !r.lit() && !micOpen() })
			},
			func() error {
				r.up(patient)
				return stays("dark after the release", 2*time.Second, func() bool { return !r.lit() && !micOpen() })
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
		_, err := r.record(2*time.Second, patient, clinician)
		return err
	})
}

const cutFile = "/share/cut" // outside the unit, so that it survives the power cut

// untilTheCut records, and notes the position of the sound, until the power is cut.
func untilTheCut(r *room) {
	c, err := r.consult(patient, clinician)
	if err != nil {
		fmt.Printf("not ok - record until the power is cut\n# %v\n", err)
		r.explain(time.Now().Add(-time.Minute))
		return
	}
	count := c.count + 1
	for n := 0; ; n++ {
		note := fmt.Sprintf("%d %d %d\n", count, c.from, c.at())
		if err := os.WriteFile(cutFile+".new", []byte(note), 0o600); err == nil {
			os.Rename(cutFile+".new", cutFile)
		}
		if n == 40 {
			fmt.Println("cut")
		}
		pause(100 * time.Millisecond)
	}
}

// afterTheCut checks what the power cut has left.
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
