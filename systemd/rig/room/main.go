// Command room is the people in the rig's room: hands on the buttons, an eye on the light, a mouth
// at the microphone, and somebody who reads what the unit says. It runs in the virtual wall unit,
// as root, beside the real tacetd, and touches the unit only from outside: GPIO lines, the sound
// card's other end, systemd, signals, files.
//
//	room SCENE…
//
// Each check prints a line "ok - what" or "not ok - what", and after "#" what there is to know. The
// exit code is 0 where the checks could be made, whatever they found: test.sh counts the lines.
package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// scenes are what test.sh asks for.
var scenes = map[string]func(*room){
	"first":      first,
	"held":       heldAtBoot,
	"record":     untilTheCut,
	"after":      afterTheCut,
	"sticks":     sticks,
	"shares":     shares,
	"presses":    fidgeting,
	"cuts":       cuts,
	"cutting":    cutting,
	"afterwards": afterwards,
}

func main() {
	r := &room{}
	for _, name := range os.Args[1:] {
		scene, ok := scenes[name]
		if !ok {
			fmt.Fprintf(os.Stderr, "room: there is no scene %q\n", name)
			os.Exit(2)
		}
		if err := r.enter(); err != nil {
			fmt.Printf("not ok - %s: %v\n", name, err)
			continue
		}
		scene(r)
	}
}

// again is how often a check is made once more that the rig itself has spoilt.
const again = 2

// check makes one check. What it says begins with the text that it returns with nil as well. Where
// it failed, and the machine had stood still meanwhile, as an emulated one may on a busy computer,
// it proves nothing: it is made once more.
func (r *room) check(what string, f func() error) {
	for try := 0; ; try++ {
		began := time.Now()
		r.notes = nil
		r.still.Store(0)
		err := f()
		if err == nil {
			err = r.seen()
		}
		took := time.Since(began).Round(100 * time.Millisecond)
		if still := time.Duration(r.still.Load()); err != nil && still > 0 && try < again {
			fmt.Printf("# the machine itself stood still for %v; once more: %s\n#   %v\n", still.Round(100*time.Millisecond),
				what, err)
			r.calm()
			continue
		}
		r.tell(what, took, began, err)
		return
	}
}

func (r *room) tell(what string, took time.Duration, began time.Time, err error) {
	if err == nil {
		fmt.Printf("ok - %s (%v)\n", what, took)
	} else {
		fmt.Printf("not ok - %s (%v)\n", what, took)
		for line := range strings.Lines(err.Error()) {
			fmt.Printf("# %s\n", strings.TrimRight(line, "\n"))
		}
		r.explain(began)
	}
	for _, note := range r.notes {
		fmt.Printf("#   %s\n", note)
	}
}

// calm ends what a check that failed has left.
func (r *room) calm() {
	r.up(patient)
	r.up(clinician)
	pull("bind") // fails where it is there
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

// note says something for a person along with the check that is being made.
func (r *room) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// explain prints what the unit logged during a check that failed.
func (r *room) explain(since time.Time) {
	log, _ := run("journalctl", "-u", "tacetd", "-q", "-o", "short-precise", "--no-hostname", "-n", "25", "--since",
		fmt.Sprintf("@%d", since.Unix()))
	for line := range strings.Lines(log) {
		fmt.Printf("#   | %s\n", strings.TrimRight(line, "\n"))
	}
}
