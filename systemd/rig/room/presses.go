package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	manyPresses = 250 // in each of the two units
	manyBounces = 250
	// shortest is the shortest press that gives, less the deviation between the unit's timing and
	// ours.
	shortest = 50*time.Millisecond - 20*time.Millisecond
)

// fidget presses two buttons at random times, some with bouncing contacts, and tracks who may have
// given.
type fidget struct {
	*room
	rng              *rand.Rand
	presses, bounces int
	given            [2]bool // since the microphone was last closed, by a press that was long enough
	tries            int     // by honest people
	recordings       int
	unasked, missed  []string
}

// fidgeting tests random presses.
func fidgeting(r *room) {
	if err := steps(setting{parties: 2, codec: "wav"}.write, r.start); err != nil {
		fmt.Printf("not ok - start for the presses\n# %v\n", err)
		return
	}
	r.check("250 presses and 250 bounces: none records what not all have given, no withdrawal is missed", r.presses)
}

func (r *room) presses() error {
	seed := rand.Uint64()
	f := &fidget{room: r, rng: rand.New(rand.NewPCG(seed, 0))}
	count := len(recordings())
	for f.presses < manyPresses || f.bounces < manyBounces {
		if f.presses%50 == 20 {
			f.honest()
		}
		f.press(f.rng.IntN(2), f.random(400*time.Millisecond), f.rng.IntN(4))
		pause(f.random(300 * time.Millisecond))
	}
	_, err := until("the last of it has ended", patience, func() bool { return !micOpen() && !r.lit() })
	r.note("seed %d: %d presses, %d bounces; of %d honest tries %d opened the microphone; %d recordings",
		seed, f.presses, f.bounces, f.tries, f.recordings, len(recordings())-count)
	for _, what := range append(f.unasked, f.missed...) {
		err = errors.Join(err, errors.New(what))
	}
	if f.recordings < 2 {
		err = errors.Join(err, fmt.Errorf("only %d recordings: this tried nothing", f.recordings))
	}
	return err
}

// random is a random time up to most, with short ones more often.
func (f *fidget) random(most time.Duration) time.Duration {
	x := f.rng.Float64()
	return time.Duration(x * x * float64(most))
}

// honest plays two people who want to be recorded, after a pause. They press without bounces: on an
// emulated machine bounces get so far apart that tacetd, rightly, doubts them.
func (f *fidget) honest() {
	for range 3 {
		pause(deadTime)
		if _, err := until("", 1200*time.Millisecond, f.lit); err != nil {
			break // dark, and not between two pulses: nobody has given
		}
		f.press(0, hand, 0)
	}
	f.press(0, hand, 0)
	pause(300*time.Millisecond + f.random(time.Second))
	f.press(1, hand, 0)
	f.tries++
	if _, err := until("", 10*time.Second, micOpen); err == nil {
		pause(f.random(2 * time.Second))
	}
}

// press presses a button for some time, with some bounces at either end.
func (f *fidget) press(party int, long time.Duration, bounces int) {
	f.account()
	open := micOpen()
	line := []int{patient, clinician}[party]
	start := time.Now()
	f.bounce(line, bounces, f.down, f.up)
	pause(long)
	f.bounce(line, bounces, f.up, f.down)
	// From the first edge to the last, which is more than the unit can have measured.
	if time.Since(start) >= shortest {
		f.given[party] = true
	}
	f.presses++
	if !open {
		return
	}
	if _, err := until("", 5*time.Second, func() bool { return !micOpen() }); err != nil {
		f.missed = append(f.missed, fmt.Sprintf("press %d, by party %d, ended nothing", f.presses, party))
	}
	// Presses up to the end of the last recording have no effect now, including this one.
	f.given = [2]bool{}
}

// bounce moves a contact that bounces n times.
func (f *fidget) bounce(line, n int, to, from func(int)) {
	to(line)
	for range n {
		pause(f.random(4 * time.Millisecond))
		from(line)
		pause(f.random(4 * time.Millisecond))
		to(line)
		f.bounces++
	}
}

// account counts an open microphone, and checks that both had given.
func (f *fidget) account() {
	if !micOpen() {
		return
	}
	f.recordings++
	if !f.given[0] || !f.given[1] {
		f.unasked = append(f.unasked, fmt.Sprintf("the microphone is open at press %d, and given was %v", f.presses, f.given))
	}
}
