// Command room plays the people in the rig's room: hands on the buttons, an eye on the light, a
// mouth at the microphone, and a reader of the status. It runs as root in the virtual wall unit,
// beside the real tacetd, and acts only from outside: GPIO lines, the other end of the sound card,
// systemd, signals, files.
//
//	room SCENE…
//
// Each check prints a line "ok - what" or "not ok - what", and details after "#". The exit code is
// 0 if the checks could be made, whatever their result: test.sh counts the lines.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// scenes are the arguments that test.sh uses.
var scenes = map[string]func(*room){
	"first":      first,
	"booted":     booted,
	"held":       heldAtBoot,
	"record":     untilTheCut,
	"after":      afterTheCut,
	"sticks":     sticks,
	"confined":   confined,
	"shares":     shares,
	"presses":    fidgeting,
	"cuts":       cuts,
	"cutting":    cutting,
	"afterwards": afterwards,

	"kept":     firstKept,
	"talking":  installedWhileTalking,
	"cut":      func(*room) { waitForTheCut() },
	"trial":    keptAfterACut,
	"crashes":  crashes,
	"rebooted": rebootedAfterAFailure,
	"refuses":  refusesTheConfig,
	"returned": returnedAfterACut,
	"next":     theNextVersion,

	"provisioned": provisioned,
	"brief":       brief,
	"stick":       ownStick,
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "inside" {
		inside()
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "caller" {
		if err := caller(); err != nil {
			fmt.Fprintln(os.Stderr, "room:", err)
			os.Exit(1)
		}
		return
	}
	r := &room{}
	for _, name := range os.Args[1:] {
		scene, ok := scenes[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "room: unknown scene %q\n", name)
			os.Exit(2)
		}
		if err := r.enter(); err != nil {
			fmt.Printf("not ok - %s: %v\n", name, err)
			continue
		}
		scene(r)
	}
}

// again is how often a check is repeated after a fault of the rig.
const again = 2

// check makes one check. If it fails and the machine stalled meanwhile, as an emulated one may on a
// busy computer, the failure proves nothing, and the check is repeated.
func (r *room) check(what string, f func() error) {
	for try := 0; ; try++ {
		start := time.Now()
		r.notes = nil
		r.still.Store(0)
		err := f()
		if err == nil {
			err = r.seen()
		}
		took := time.Since(start).Round(100 * time.Millisecond)
		if still := time.Duration(r.still.Load()); err != nil && still > 0 && try < again {
			fmt.Printf("# the machine itself stalled for %v; once more: %s\n#   %v\n", still.Round(100*time.Millisecond),
				what, err)
			r.calm()
			continue
		}
		r.report(what, took, start, err)
		return
	}
}

func (r *room) report(what string, took time.Duration, start time.Time, err error) {
	if err == nil {
		fmt.Printf("ok - %s (%v)\n", what, took)
	} else {
		fmt.Printf("not ok - %s (%v)\n", what, took)
		for line := range strings.Lines(err.Error()) {
			fmt.Printf("# %s\n", strings.TrimRight(line, "\n"))
		}
		r.explain(start)
	}
	for _, note := range r.notes {
		fmt.Printf("#   %s\n", note)
	}
}

// calm cleans up after a failed check.
func (r *room) calm() {
	r.up(patient)
	r.up(clinician)
	driver("bind") // fails if it is bound
	if status().Phase == "recording" {
		r.press(patient)
	}
	for _, kind := range kinds {
		if _, ok := mounted(kind); ok {
			yank()
			break
		}
	}
	r.seen()
	idle()
	pause(deadTime)
}

// note adds a detail to the current check.
func (r *room) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// explain prints the unit's log of a failed check.
func (r *room) explain(since time.Time) {
	log, _ := run("journalctl", "-u", "tacetd", "-q", "-o", "short-precise", "--no-hostname", "-n", "25", "--since",
		fmt.Sprintf("@%d", since.Unix()))
	for line := range strings.Lines(log) {
		fmt.Printf("#   | %s\n", strings.TrimRight(line, "\n"))
	}
}
