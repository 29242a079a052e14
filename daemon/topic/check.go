package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// value says whether one JSON value may stand in a field.
type value func(json.RawMessage) bool

// field is one declared field of a payload.
type field struct {
	value    value
	optional bool
}

var (
	release   = regexp.MustCompile(`^[!-~]{0,64}( \([!-~ ]{1,64}\))?$`) // 1.2.3 (abc1234 dirty)
	bootID    = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	eventID   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}-[1-9][0-9]*$`)
	recording = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,95}$`)
	codeList  = regexp.MustCompile(`^([a-z0-9_-]+(,[a-z0-9_-]+)*)?$`)
	hash128   = regexp.MustCompile(`^[0-9a-f]{32}$`)
	// verifier is a verifier key as golang.org/x/mod/sumdb/note has it: name, hash, key. The name
	// is the unit's place.
	verifier = regexp.MustCompile(`^(tacet/[a-z0-9-]{1,32}/[a-z0-9-]{1,32}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{1,64})?$`)
	// noteLine is one line of a signed note: text, or a signature behind its dash.
	noteLine = regexp.MustCompile(`^[!-~— ]*$`)
)

// The declared fields. What isn't here is never published.
var (
	stateFields = map[string]field{
		"v":                {value: exactly("1")},
		"boot":             {value: matching(bootID)},
		"seq":              {value: count},
		"time":             {value: instant},
		"version":          {value: matching(release)},
		"clock":            {value: oneOf(clocks)},
		"phase":            {value: oneOf(phases)},
		"since":            {value: instant},
		"mic":              {value: oneOf(mics)},
		"light":            {value: oneOf(lights)},
		"spool_free_h":     {value: numberOrNull},
		"pending":          {value: count},
		"oldest_pending_h": {value: numberOrNull},
		"alerts":           {value: matching(codeList)},
		"config":           {value: matching(hash128)},
		"recipients":       {value: matching(hash128)},
		"version_waiting":  {value: matching(release)},
		"unit_key":         {value: matching(verifier)},
		"remedy":           {value: sentence},
	}
	eventFields = map[string]field{
		"v":          {value: exactly("1")},
		"event_id":   {value: matching(eventID)},
		"event_type": {value: oneOf(eventTypes)},
		"time":       {value: instant},
		"recording":  {value: matching(recording), optional: true},
		"store":      {value: matching(word), optional: true},
		"seconds":    {value: number, optional: true},
		"code":       {value: matching(word), optional: true},
	}
	ledgerFields = map[string]field{
		"v":          {value: exactly("1")},
		"time":       {value: instant},
		"head":       {value: note},
		"recording":  {value: matching(recording), optional: true},
		"checkpoint": {value: note, optional: true},
	}
	// eventTells says which optional fields go with an event.
	eventTells = map[EventType][]string{
		Started:  {"recording"},
		Ended:    {"recording", "seconds"},
		Copied:   {"recording", "seconds", "store"},
		Released: {"recording", "seconds", "store"},
		Faulted:  {"code", "store"},
		Cleared:  {"code", "store"},
	}
)

// Check says whether the unit may publish a payload on a topic: the topic is one of its own, the
// payload is one line and holds the declared fields and values and nothing else. The client asks it
// about every message before it leaves.
func (n Names) Check(topic string, payload []byte) error {
	if err := n.check(topic, payload); err != nil {
		return fmt.Errorf("payload of %s: %w", topic, err)
	}
	return nil
}

func (n Names) check(topic string, payload []byte) error {
	if !utf8.Valid(payload) || bytes.ContainsAny(payload, "\n\r\x00") {
		return errors.New("not one line of text")
	}
	if code, isAlert := strings.CutPrefix(topic, n.Alert("")); isAlert {
		return checkAlert(code, payload)
	}
	switch topic {
	case n.Availability():
		if s := string(payload); s != Online && s != Offline {
			return fmt.Errorf("%q is neither %s nor %s", s, Online, Offline)
		}
		return nil
	case n.Heartbeat():
		_, err := time.Parse(time.RFC3339, string(payload))
		return err
	case n.State():
		return checkFields(payload, stateFields, storePrefix)
	case n.Event():
		return checkEvent(payload)
	case n.Ledger():
		return checkFields(payload, ledgerFields, "")
	case n.Discovery():
		return checkDevice(payload)
	}
	if len(payload) == 0 && strings.HasSuffix(topic, n.described()) {
		return nil // taken away, under a prefix of former times
	}
	return errors.New("not a topic of this unit")
}

func checkAlert(code string, payload []byte) error {
	if !word.MatchString(code) {
		return fmt.Errorf("%q is no code", code)
	}
	if len(payload) > maxAlert {
		return fmt.Errorf("%d bytes are too long", len(payload))
	}
	return nil
}

func checkEvent(payload []byte) error {
	if err := checkFields(payload, eventFields, ""); err != nil {
		return err
	}
	var e Event
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return err
	}
	for _, name := range sortedKeys(fields) {
		if eventFields[name].optional && !slices.Contains(eventTells[e.Type], name) {
			return fmt.Errorf("field %q doesn't go with %s", name, e.Type)
		}
	}
	return nil
}

// checkFields checks a flat object against its declaration. Fields whose name begins with stores
// hold a store's state.
func checkFields(payload []byte, declared map[string]field, stores string) error {
	fields, err := object(payload)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(fields) {
		f, ok := declared[name]
		if !ok && stores != "" {
			if store, cut := strings.CutPrefix(name, stores); cut && word.MatchString(store) {
				f, ok = field{value: oneOf(storeStates)}, true
			}
		}
		if !ok {
			return fmt.Errorf("field %q isn't declared", name)
		}
		if !f.value(fields[name]) {
			return fmt.Errorf("field %q can't be %.80s", name, fields[name])
		}
	}
	for _, name := range sortedKeys(declared) {
		if _, there := fields[name]; !there && !declared[name].optional {
			return fmt.Errorf("field %q is missing", name)
		}
	}
	return nil
}

// object reads a JSON object, and insists that it is compact.
func object(payload []byte) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, payload); err != nil {
		return nil, err
	}
	if !bytes.Equal(b.Bytes(), payload) {
		return nil, errors.New("not compact")
	}
	return fields, nil
}

func text(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

func exactly(want string) value {
	return func(raw json.RawMessage) bool { return string(raw) == want }
}

func matching(re *regexp.Regexp) value {
	return func(raw json.RawMessage) bool { s, ok := text(raw); return ok && re.MatchString(s) }
}

func oneOf(words []string) value {
	return func(raw json.RawMessage) bool { s, ok := text(raw); return ok && slices.Contains(words, s) }
}

func instant(raw json.RawMessage) bool {
	s, ok := text(raw)
	if !ok {
		return false
	}
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}

func count(raw json.RawMessage) bool {
	_, err := strconv.ParseUint(string(raw), 10, 63)
	return err == nil
}

func number(raw json.RawMessage) bool {
	f, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && f >= 0
}

// sentence is a short text for a person. Only health's texts are given here: see daemon.
func sentence(raw json.RawMessage) bool { s, ok := text(raw); return ok && s == ShortRemedy(s) }

func numberOrNull(raw json.RawMessage) bool { return string(raw) == "null" || number(raw) }

// note is a signed note: a few lines of ASCII and the dash before a signature.
func note(raw json.RawMessage) bool {
	s, ok := text(raw)
	if !ok || len(s) > 8192 {
		return false
	}
	return !slices.ContainsFunc(strings.Split(s, "\n"), func(line string) bool { return !noteLine.MatchString(line) })
}

// strict reads JSON and refuses fields that v doesn't have.
func strict(payload []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
