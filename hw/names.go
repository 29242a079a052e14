package hw

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A role is the purpose of a line, for errors.
type role struct {
	name string
	n    int // for buttons, from 1
}

func (r role) String() string {
	if r.n > 0 {
		return fmt.Sprintf("%s %d", r.name, r.n)
	}
	return r.name
}

type namedInput struct {
	role
	*Input
}

type namedOutput struct {
	role
	*Output
}

// inputs are the lines that Watch reports, in order.
func (w *Wiring) inputs() []namedInput {
	var ins []namedInput
	for i := range w.Buttons {
		r := role{"button", i + 1}
		if name := w.Buttons[i].Role; name != "" {
			r = role{name: name}
		}
		ins = append(ins, namedInput{r, &w.Buttons[i]})
	}
	if w.Door != nil {
		ins = append(ins, namedInput{role{name: "door"}, w.Door})
	}
	return ins
}

func (w *Wiring) outputs() []namedOutput {
	outs := []namedOutput{{role{name: "light"}, &w.Light}}
	if w.Status != nil {
		outs = append(outs, namedOutput{role{name: "status light"}, w.Status})
	}
	if w.Buzzer != nil {
		outs = append(outs, namedOutput{role{name: "buzzer"}, w.Buzzer})
	}
	return outs
}

// lines returns all roles with the lines written for them.
func (w *Wiring) lines() (roles []role, specs []string) {
	for _, out := range w.outputs() {
		roles, specs = append(roles, out.role), append(specs, out.Line)
	}
	if w.Sense != nil {
		roles, specs = append(roles, role{name: "sense line"}), append(specs, w.Sense.Line)
	}
	for _, in := range w.inputs() {
		roles, specs = append(roles, in.role), append(specs, in.Line)
	}
	return roles, specs
}

// chips are the chips that are named explicitly, as in gpiochip1:3.
func (w *Wiring) chips() []string {
	var chips []string
	_, specs := w.lines()
	for _, spec := range specs {
		if chip, _, ok := strings.Cut(spec, ":"); ok && strings.HasPrefix(chip, "gpiochip") {
			chips = append(chips, chip)
		}
	}
	slices.Sort(chips)
	return slices.Compact(chips)
}

// find looks up every line and returns all errors at once. If a line is missing, they include why
// chips are.
func (w *Wiring) find(b Board) (map[role]LineInfo, error) {
	all, err := b.Lines()
	if err != nil {
		return nil, fmt.Errorf("list GPIO lines: %w", err)
	}
	found := map[role]LineInfo{}
	taken := map[string]role{} // by chip:number, so that different spellings of a line are one
	var errs []error
	var refused error
	roles, specs := w.lines()
	for i, r := range roles {
		info, err := find(all, specs[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", r, err))
			refused = b.Refused()
			continue
		}
		if other, ok := taken[info.address()]; ok {
			errs = append(errs, fmt.Errorf("%s: line %s is already the %s", r, specs[i], other))
			continue
		}
		taken[info.address()] = r
		found[r] = info
	}
	if len(w.Buttons) == 0 {
		errs = append(errs, errors.New("no button is wired"))
	}
	return found, errors.Join(append(errs, refused)...)
}

func (l LineInfo) address() string { return l.Chip + ":" + strconv.Itoa(l.Number) }

// String is the line's name, or chip and number if it has none.
func (l LineInfo) String() string {
	if l.Name == "" {
		return l.address()
	}
	return l.Name
}

// find looks up one line.
func find(lines []LineInfo, spec string) (LineInfo, error) {
	if spec == "" {
		return LineInfo{}, errors.New("no line given: write its name (GPIO5), or chip and number (gpiochip0:5)")
	}
	var found []LineInfo
	for _, l := range lines {
		if l.Name == spec {
			found = append(found, l)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		if chip, number, ok := strings.Cut(spec, ":"); ok {
			return findNumber(lines, chip, number)
		}
		return LineInfo{}, fmt.Errorf("line %s not found; %s", spec, candidates(lines, spec))
	}
	var addresses []string
	for _, l := range found {
		addresses = append(addresses, l.address())
	}
	return LineInfo{}, fmt.Errorf("there are %d lines named %s: write %s", len(found), spec,
		strings.Join(addresses, " or "))
}

func findNumber(lines []LineInfo, chip, number string) (LineInfo, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return LineInfo{}, fmt.Errorf("line %s:%s: %q is not the number of a line", chip, number, number)
	}
	var chips []string
	count := 0
	for _, l := range lines {
		if l.Chip == chip {
			count++
			if l.Number == n {
				return l, nil
			}
		}
		if s := fmt.Sprintf("%s (%s)", l.Chip, l.Label); !slices.Contains(chips, s) {
			chips = append(chips, s)
		}
	}
	if count > 0 {
		return LineInfo{}, fmt.Errorf("line %s:%d not found; %s has lines 0 to %d", chip, n, chip, count-1)
	}
	return LineInfo{}, fmt.Errorf("line %s:%d not found; there is no chip %s, but %s", chip, n, chip, orNone(chips))
}

// candidates lists the names most similar to one that was not found.
func candidates(lines []LineInfo, spec string) string {
	const most = 8
	var names []string
	for _, l := range lines {
		if l.Name != "" && l.Name != "-" && l.Name != "_" && !slices.Contains(names, l.Name) {
			names = append(names, l.Name)
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return commonPrefix(b, spec) - commonPrefix(a, spec) })
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return "there are " + orNone(names) + more
}

// commonPrefix is the length of the common prefix, ignoring case.
func commonPrefix(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
