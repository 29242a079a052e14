package consent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

var epoch = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

// settings makes one button for each letter: m a momentary one, l a latching one.
func settings(styles string) Settings {
	s := Settings{Max: 60 * time.Minute, Quiet: 5 * time.Minute}
	parties := []string{"patient", "clinician", "companion"}
	for i, style := range styles {
		b := Button{Party: parties[i], Line: "GPIO" + strconv.Itoa(5+i), Debounce: 30 * time.Millisecond}
		if style == 'l' {
			b.Style = Latching
		}
		s.Buttons = append(s.Buttons, b)
	}
	return s
}

// script drives a machine by a line of words:
//
//	p0 r0        button 0's line is pressed (on), released (off); p0? with unknown age; p0@-20ms arrives 20 ms late
//	100ms        time passes, with a Tick at each deadline; 100ms- without
//	lit lit! …   the event, and its failed form
//	give0        a clean give: 100 ms and the debounce time, or the switch turned on
//	record       the answers from all gave to recording
//	answers      the answers to every request of an end
//	=waiting     the phase must be waiting
//	>on,prepare  the effects since the last such word, or a ;, must be exactly these; > alone: none
type script struct {
	t     *testing.T
	m     *Machine
	c     checker
	set   Settings
	now   time.Time
	out   []Effect
	trace []step
}

func newScript(t *testing.T, set Settings) *script {
	s := &script{t: t, m: New(set, epoch), c: newChecker(set), set: set, now: epoch}
	for i := range set.Buttons {
		s.run(fmt.Sprintf("r%d?", i))
	}
	s.run("ready 100ms >")
	return s
}

func (s *script) run(words string) {
	s.t.Helper()
	for word := range strings.FieldsSeq(words) {
		s.word(word)
		if s.t.Failed() {
			s.t.Fatalf("at %q of %q, %v after the start, phase %v", word, words, s.now.Sub(epoch), s.m.Phase())
		}
	}
}

func (s *script) word(word string) {
	s.t.Helper()
	switch {
	case strings.HasPrefix(word, "="):
		if got := s.m.Phase().String(); got != word[1:] {
			s.t.Errorf("phase is %s", got)
		}
	case strings.HasPrefix(word, ">"):
		if got := effectWords(s.out); got != word[1:] {
			s.t.Errorf("effects were %q", got)
		}
		s.out = nil
	case word == ";":
		s.out = nil
	case strings.HasPrefix(word, "give"):
		i := word[4:]
		s.run("p" + i + " 100ms")
		if s.set.Buttons[atoi(i)].Style == Momentary {
			s.run("r" + i + " 30ms")
		}
	case word == "record":
		s.run("lit prepared opened samples keepable begun =recording")
	case word == "answers":
		s.run("closed dark ended")
	case word[0] >= '0' && word[0] <= '9':
		s.pass(word)
	default:
		s.step(parseEvent(s.t, word, s.now))
	}
}

// pass advances time, with each Tick when it is due, unless the word ends in a dash.
func (s *script) pass(word string) {
	length, late := strings.CutSuffix(word, "-")
	d, err := time.ParseDuration(length)
	if err != nil {
		s.t.Fatal(err)
	}
	end := s.now.Add(d)
	for !late {
		due, ok := s.m.Deadline()
		if !ok || due.After(end) {
			break
		}
		s.now = later(s.now, due)
		s.step(Tick{})
	}
	s.now = end
}

func (s *script) step(ev Event) {
	out := s.m.Step(s.now, ev)
	s.out = append(s.out, out...)
	s.trace = append(s.trace, observe(s.m, s.now, ev, out))
	if err := s.c.step(s.m, s.now, ev, out); err != nil {
		s.t.Error(err)
	}
}

var eventWords = map[string]Event{
	"ready": Ready{true}, "ready!": Ready{false}, "lit": Lit{true}, "lit!": Lit{false},
	"prepared": Prepared{true}, "prepared!": Prepared{false}, "opened": Opened{true}, "opened!": Opened{false},
	"samples": Samples{}, "keepable": Keepable{}, "begun": Begun{true}, "begun!": Begun{false}, "slept": Slept{},
	"sound": Sound{}, "fault": Fault{}, "closed": Closed{}, "dark": Dark{}, "ended": Ended{},
	"stop": Stop{}, "tick": Tick{},
}

func parseEvent(t *testing.T, word string, now time.Time) Event {
	if ev, ok := eventWords[word]; ok {
		return ev
	}
	word, ago, _ := strings.Cut(word, "@")
	at := now
	if ago != "" {
		d, err := time.ParseDuration(ago)
		if err != nil {
			t.Fatal(err)
		}
		at = now.Add(d)
	}
	if word == "door" {
		return Door{At: at}
	}
	button, unknown := strings.CutSuffix(word[1:], "?")
	if word[0] != 'p' && word[0] != 'r' {
		t.Fatalf("no such word: %s", word)
	}
	return Edge{Button: atoi(button), Pressed: word[0] == 'p', At: at, Fresh: !unknown}
}

// effectWords names effects: cut has a known age, cut? has not.
func effectWords(out []Effect) string {
	var words []string
	for _, e := range out {
		word := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", e), "consent."))
		switch e := e.(type) {
		case LightOn, LightOff, LightPulse, LightFlash:
			word = word[len("light"):]
		case OpenMic, CloseMic:
			word = strings.TrimSuffix(word, "mic")
		case Cut:
			if !e.Fresh {
				word += "?"
			}
		case End:
			word = e.Reason
		}
		words = append(words, word)
	}
	return strings.Join(words, ",")
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

// clone copies a machine, including its two slices.
func (m *Machine) clone() *Machine {
	c := *m
	c.buttons, c.acts = slices.Clone(m.buttons), slices.Clone(m.acts)
	return &c
}
