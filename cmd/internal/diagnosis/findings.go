// Package diagnosis is what "tacetd doctor" finds, and how it is printed.
//
//	r := diagnosis.Report{Passed: func(f diagnosis.Finding) { env.Printf("%s\n", f.Line(ticks)) }}
//	r.Add(diagnosis.Finding{Part: "swap", Outcome: diagnosis.OK, Text: "there is none"})
//	env.Printf("%s\n", r.Verdict())
//
// The checks themselves are elsewhere: cmd/tacetd tries the unit's parts, package host reads the
// kernel's files, package mixer finds the control that makes a microphone too quiet.
package diagnosis

import (
	"fmt"
	"strings"
)

// Outcome is what came of trying a part.
type Outcome int

const (
	OK Outcome = iota
	Failed
	Untried // it matters, and nobody knows
	Absent  // there is nothing to try, so it doesn't matter
)

// String returns the outcome as the JSON report has it.
func (o Outcome) String() string { return [...]string{"ok", "failed", "untried", "absent"}[o] }

// A Finding is what was found about one part.
type Finding struct {
	Part    string // as in "clock", or "store office (sftp)"
	Outcome Outcome
	Text    string // what was found; of a failure: the cause
	Remedy  string // what to do about a failure
	Command string // what to type for it; "" if nothing helps that can be typed
}

// Line is the finding in one line. Ticks are for a terminal that shows them.
func (f Finding) Line(ticks bool) string {
	mark := fmt.Sprintf("%-10s", [...]string{"ok", "FAIL", "not tried", "not tried"}[f.Outcome])
	if ticks {
		mark = [...]string{"✓", "✗", "–", "–"}[f.Outcome]
	}
	text := f.Part + ": " + f.Text
	if f.Remedy != "" {
		text += "; " + f.Remedy
	}
	if f.Command != "" {
		text += "; run: " + f.Command
	}
	return mark + " " + strings.ReplaceAll(text, "\n", "; ")
}

// A Report collects findings.
type Report struct {
	Passed      func(Finding) // is called with each as it is added
	Interrupted bool

	Findings []Finding
}

// Add adds a finding.
func (r *Report) Add(f Finding) {
	r.Findings = append(r.Findings, f)
	if r.Passed != nil {
		r.Passed(f)
	}
}

// Count returns how many findings have this outcome.
func (r *Report) Count(o Outcome) (n int) {
	for _, f := range r.Findings {
		if f.Outcome == o {
			n++
		}
	}
	return n
}

// Ready reports that nothing failed, and that doctor came to its end.
func (r *Report) Ready() bool { return r.Count(Failed) == 0 && !r.Interrupted }

// Counts says in one line how much was tried.
func (r *Report) Counts() string {
	good, bad := r.Count(OK), r.Count(Failed)
	return fmt.Sprintf("%d tried: %d ok, %d failed; %d not tried", good+bad, good, bad, r.Count(Untried)+r.Count(Absent))
}

// Verdict says in one sentence whether the unit can be left to the room.
func (r *Report) Verdict() string {
	var untried []string
	first, bad := "", r.Count(Failed)
	for _, f := range r.Findings {
		switch {
		case f.Outcome == Untried:
			untried = append(untried, f.Part)
		case f.Outcome == Failed && first == "":
			first = strings.ReplaceAll(f.Part+": "+f.Text, "\n", "; ")
		}
	}
	switch {
	case bad == 1:
		return "Not ready: 1 thing, " + first + "."
	case bad > 1:
		return fmt.Sprintf("Not ready: %d things, first %s.", bad, first)
	case r.Interrupted:
		return "Not ready: interrupted before the end."
	case untried != nil:
		return "Ready, as far as it was tried; not tried: " + strings.Join(untried, ", ") + "."
	}
	return "Ready."
}
