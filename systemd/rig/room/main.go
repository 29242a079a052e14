// Command room is the people in the rig's room: hands on the buttons, an eye on the light, a mouth at the microphone, and
// somebody who reads what the unit says. It runs in the virtual wall unit, as root, beside the real tacetd, and touches the
// unit only from outside: GPIO lines, the sound card's other end, systemd, signals, files.
//
//	room SCENE…
//
// Each check prints a line "ok - what" or "not ok - what", and after "#" what there is to know. The exit code is 0
// where the checks could be made, whatever they found: test.sh counts the lines.
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

// check makes one check. What it says begins with the text that it returns with nil as well.
func (r *room) check(what string, f func() error) {
	began := time.Now()
	r.notes = nil
	err := f()
	if err == nil {
		err = r.seen()
	}
	took := time.Since(began).Round(100 * time.Millisecond)
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

// note says something for a person along with the check that is being made.
func (r *room) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// explain prints what the unit logged during a check that failed.
func (r *room) explain(since time.Time) {
	log, _ := run("journalctl", "-u", "tacetd", "-q", "-o", "short-precise", "--no-hostname", "-n", "25", "--since", fmt.Sprintf("@%d", since.Unix()))
	for line := range strings.Lines(log) {
		fmt.Printf("#   | %s\n", strings.TrimRight(line, "\n"))
	}
}
