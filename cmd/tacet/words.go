package main

import (
	"fmt"
	"strings"

	"tacet/daemon/recording"
)

// endings say how a recording ended. The file's own words would mislead: "withdrawn" means that
// consent stood until somebody pressed, which is how a recording should end, but a reader would
// think that somebody wants it deleted. Only "tacet ls -json" has the file's words.
var endings = map[string]string{
	recording.Withdrawn:     "ended by a press",
	recording.Lapsed:        "ended by itself",
	recording.Fault:         "ended by a fault",
	recording.Stopped:       "ended when the unit was switched off",
	recording.InterruptedBy: "ended by a power cut",
}

// endingText says how a recording ended. An unknown reason is returned as it is.
func endingText(reason string) string {
	if words, ok := endings[reason]; ok {
		return words
	}
	return reason
}

// lapseCauses say why consent ended by itself.
var lapseCauses = map[string]string{
	"max":       "the maximum length was reached",
	"quiet":     "it was quiet in the room for too long",
	"waiting":   "the other party did not consent in time",
	"door":      "the door was opened",
	"fault":     "something failed",
	"stopped":   "the unit was switched off",
	"suspended": "the unit was suspended",
}

// describeAct says what somebody did, or what happened by itself.
func describeAct(a recording.Act) string {
	who := a.Party
	switch a.Act {
	case "gave":
		return who + " gave consent"
	case "withdrew":
		return who + " ended it by a press"
	case "lapsed":
		why := lapseCauses[a.Cause]
		if why == "" {
			why = a.Cause
		}
		return strings.TrimSuffix("ended by itself: "+why, ": ")
	}
	words := strings.TrimSpace(who + " " + a.Act)
	if a.Cause != "" {
		words += " (" + a.Cause + ")"
	}
	return words
}

// plural writes "1 key" or "2 keys".
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
