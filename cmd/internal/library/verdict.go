package library

import (
	"fmt"
	"strings"
	"time"

	"tacet/daemon/recording"
)

// Verdict is the result of a check, for a person to read.
type Verdict struct {
	State string `json:"state"`
	Title string `json:"title"`
	Text  string `json:"text"`
}

// whyEnded says why a recording ended.
var whyEnded = map[string]string{
	recording.Withdrawn: "somebody pressed to stop",
	recording.Lapsed:    "consent lapsed by itself",
	recording.Fault:     "something failed",
	recording.Stopped:   "the unit was switched off",
}

// verdict puts a report into words.
func verdict(r *recording.Report) Verdict {
	v := Verdict{State: r.State.String()}
	length := formatLength(r.Length())
	switch r.State {
	case recording.Whole:
		v.Title = "Whole."
		v.Text = fmt.Sprintf("Every byte of its %s is as it was recorded. It ended because %s.", length,
			whyEnded[r.End.Reason])
	case recording.Interrupted:
		v.Title = "Whole up to a power cut."
		v.Text = fmt.Sprintf("The power failed while it was recording. The %s before that were kept, "+
			"and every byte of them is as it was recorded.", length)
	case recording.Unfinished:
		v.Title = "Not finished."
		v.Text = sentence(r.Why)
	case recording.Damaged:
		v.Title = "Damaged."
		v.Text = damages(r)
	default:
		v.State, v.Title, v.Text = recording.Damaged.String(), "Not a recording.", sentence(r.Why)
	}
	switch {
	case r.Vouched:
		v.Text += " This unit made it."
	case r.State.Complete():
		v.Text += " Which unit made it can’t be checked here: its key isn’t known."
	}
	return v
}

// maxDamages is how many places of damage are listed; there may be thousands.
const maxDamages = 3

func damages(r *recording.Report) string {
	if len(r.Damages) == 0 {
		return sentence(r.Why)
	}
	var all []string
	for i := range r.Damages[:min(maxDamages, len(r.Damages))] {
		all = append(all, sentence(r.Damages[i].Error()))
	}
	if more := int64(len(r.Damages)-len(all)) + r.More; more > 0 {
		all = append(all, fmt.Sprintf("And %d more places.", more))
	}
	if r.Segments > 0 {
		all = append(all, fmt.Sprintf("The first %s are proved.", formatLength(r.Proved())))
	}
	return strings.Join(all, " ")
}

// sentence turns a phrase into a sentence.
func sentence(phrase string) string {
	if phrase == "" {
		return ""
	}
	return strings.ToUpper(phrase[:1]) + phrase[1:] + "."
}

// formatLength writes a length as a person would say it.
func formatLength(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	var parts []string
	for _, unit := range []struct {
		seconds int64
		name    string
	}{{3600, "hour"}, {60, "minute"}, {1, "second"}} {
		n := s / unit.seconds
		s %= unit.seconds
		switch {
		case n == 1:
			parts = append(parts, "1 "+unit.name)
		case n > 1 || unit.seconds == 1 && len(parts) == 0:
			parts = append(parts, fmt.Sprintf("%d %ss", n, unit.name))
		}
	}
	return strings.Join(parts, " ")
}
