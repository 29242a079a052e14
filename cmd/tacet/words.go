package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

// The file has words of its own for an end: "withdrawn" is a consent that stood until somebody
// pressed, which is how a recording ends well. A person who reads "withdrawn" thinks of somebody
// who wants it gone. So people are told what happened; -json has the file's words.

var endings = map[string]string{
	recording.Withdrawn:     "ended by a press",
	recording.Lapsed:        "ended by itself",
	recording.Fault:         "ended by a fault",
	recording.Stopped:       "ended with the unit switched off",
	recording.InterruptedBy: "ended by a power cut",
}

// ending says how a recording ended. A reason that nobody here knows stands as it is.
func ending(reason string) string {
	if words, ok := endings[reason]; ok {
		return words
	}
	return reason
}

// lapses say why consent ended by itself.
var lapses = map[string]string{
	"max":       "the longest length was reached",
	"quiet":     "it was quiet in the room for too long",
	"waiting":   "the others didn't say yes in time",
	"door":      "the door was opened",
	"fault":     "something failed",
	"stopped":   "the unit was switched off",
	"suspended": "the unit had stood still",
}

// actWords says what somebody did, or what happened by itself.
func actWords(a recording.Act) string {
	who := a.Party
	switch a.Act {
	case "gave":
		return who + " gave consent"
	case "withdrew":
		return who + " ended it by a press"
	case "lapsed":
		why := lapses[a.Cause]
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

// endsOf are how files are named that hold sound of each kind, the usual name first.
var endsOf = map[string][]string{
	"opus": {".opus", ".ogg", ".oga"},
	"flac": {".flac"},
	"wav":  {".wav", ".wave"},
}

// otherSound are names of sound that is none of these.
var otherSound = []string{".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".aif", ".aiff", ".caf", ".amr", ".3gp",
	".mka", ".webm", ".mp2", ".ac3", ".au", ".alac", ".ape", ".wv", ".spx"}

// wrongName refuses a name that promises another kind of sound than the file will hold: a player
// takes the name's word for it, and plays nothing.
func wrongName(out, codec string) error {
	end := strings.ToLower(filepath.Ext(out))
	right := endsOf[codec]
	if out == "-" || len(right) == 0 || slices.Contains(right, end) {
		return nil
	}
	promised := slices.Contains(otherSound, end)
	for _, ends := range endsOf {
		promised = promised || slices.Contains(ends, end)
	}
	if !promised {
		return nil
	}
	kind := map[string]string{"opus": "Ogg Opus", "flac": "FLAC", "wav": "WAV"}[codec]
	return cli.WithHint(fmt.Errorf("the sound is %s, and %s would say that it is something else", kind, out),
		"write -o %s; it isn't converted", strings.TrimSuffix(out, filepath.Ext(out))+right[0])
}
