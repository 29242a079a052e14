package mixer

import (
	"errors"
	"fmt"
)

// A Complaint is what is wrong with a microphone's sound.
type Complaint int

const (
	Silent   Complaint = iota // it never moves
	TooQuiet                  // speech is too low
	TooLoud                   // it is cut off at full scale
)

// usual is where a control stands at most microphones.
const usual = 80 // per cent

// Advise says what to do about a complaint, and the command. err is what Read returned.
func Advise(about Complaint, mixer string, controls []Control, err error) (remedy, command string) {
	elsewhere := map[Complaint]string{
		Silent:   "check its plug, its own mute switch and its cable, or take another microphone",
		TooQuiet: "move it nearer, turn it round, or take another microphone",
		TooLoud:  "move it away, or take another microphone",
	}[about]
	switch {
	case errors.Is(err, ErrNoTool):
		return elsewhere + "; the mixer can't be looked at without amixer", "sudo apt install alsa-utils"
	case err != nil || len(controls) == 0:
		return elsewhere + "; it has no mixer control", ""
	}
	c, wrong := pick(about, controls)
	if !wrong {
		return "its mixer control " + c.String() + " is not the cause: " + elsewhere, "alsamixer -D " + mixer
	}
	to := fmt.Sprintf("%d%%", target(about, c))
	switch {
	case c.Off && c.Percent <= 0:
		remedy = "its mixer control " + c.String() + " is off"
		if to = "cap"; c.Percent == 0 {
			to = fmt.Sprintf("%d%% cap", usual)
		}
	case c.Off:
		remedy, to = "its mixer control "+c.String()+" is off", "cap"
	default:
		remedy = fmt.Sprintf("its mixer control %s is at %d %%", c, c.Percent)
	}
	return remedy + ": set it, and keep it over a restart", c.Set(mixer, to)
}

// pick returns the control to name, and whether it is the cause.
func pick(about Complaint, controls []Control) (c Control, wrong bool) {
	c = controls[0]
	for _, x := range controls {
		switch {
		case about != TooLoud && x.Off:
			return x, true
		case x.Percent < 0:
		case c.Percent < 0, about == TooLoud && x.Percent > c.Percent, about != TooLoud && x.Percent < c.Percent:
			c = x
		}
	}
	switch about {
	case Silent:
		return c, c.Percent == 0
	case TooQuiet:
		return c, c.Percent >= 0 && c.Percent < 100
	}
	return c, c.Percent > 0
}

// target is the volume to try, in per cent.
func target(about Complaint, c Control) int {
	switch {
	case about == TooLoud:
		return c.Percent * 2 / 3
	case c.Percent < usual:
		return usual
	}
	return 100
}
