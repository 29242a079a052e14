// Package topictest checks, in tests, that what a unit publishes follows the documented rules: each
// topic, each field and each value that may appear in a payload, and nothing else.
package topictest

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

	"tacet/daemon/topic"
)

// A rule reports whether a JSON value may stand in a field.
type rule func(json.RawMessage) bool

type field struct {
	rule     rule
	optional bool
}

const word = `[a-z0-9_-]{1,64}` // an alert's code or a store's name

var (
	timestamp   = rule(isTime)
	version     = matching(`[!-~]{0,64}( \([!-~ ]{1,64}\))?`) // 1.2.3 (abc1234 dirty)
	recordingID = matching(`[A-Za-z0-9][A-Za-z0-9_.-]{0,95}`)
	hash        = matching(`[0-9a-f]{32}`)
	signedNote  = rule(isNote)
	storeState  = oneOf("ok", "missing", "full", "readonly", "error")

	stateFields = map[string]field{
		"v":                {rule: exactly("1")},
		"boot":             {rule: matching(`[A-Za-z0-9_-]{1,64}`)},
		"seq":              {rule: isCount},
		"time":             {rule: timestamp},
		"version":          {rule: version},
		"clock":            {rule: oneOf("synced", "unsynced")},
		"phase":            {rule: oneOf("idle", "recording", "fault")},
		"since":            {rule: timestamp},
		"mic":              {rule: oneOf("ok", "missing", "fault", "untried")},
		"light":            {rule: oneOf("proved", "unproved")},
		"spool_free_h":     {rule: isNumberOrNull},
		"pending":          {rule: isCount},
		"oldest_pending_h": {rule: isNumberOrNull},
		"alerts":           {rule: matching(`([a-z0-9_-]+(,[a-z0-9_-]+)*)?`)},
		"config":           {rule: hash},
		"recipients":       {rule: hash},
		"version_waiting":  {rule: version},
		// A verifier key as golang.org/x/mod/sumdb/note has it: name, hash, key.
		"unit_key": {rule: matching(`(tacet/[a-z0-9-]{1,32}/[a-z0-9-]{1,32}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{1,64})?`)},
		"remedy":   {rule: isRemedy},
	}
	eventFields = map[string]field{
		"v":          {rule: exactly("1")},
		"event_id":   {rule: matching(`[A-Za-z0-9_-]{1,64}-[1-9][0-9]*`)},
		"event_type": {rule: oneOf("started", "ended", "copied", "released", "fault", "cleared")},
		"time":       {rule: timestamp},
		"recording":  {rule: recordingID, optional: true},
		"store":      {rule: matching(word), optional: true},
		"seconds":    {rule: isNumber, optional: true},
		"code":       {rule: matching(word), optional: true},
	}
	ledgerFields = map[string]field{
		"v":          {rule: exactly("1")},
		"time":       {rule: timestamp},
		"head":       {rule: signedNote},
		"recording":  {rule: recordingID, optional: true},
		"checkpoint": {rule: signedNote, optional: true},
	}
	// eventOptions says which optional fields each type of event may have.
	eventOptions = map[topic.EventType][]string{
		topic.Started:  {"recording"},
		topic.Ended:    {"recording", "seconds"},
		topic.Copied:   {"recording", "seconds", "store"},
		topic.Released: {"recording", "seconds", "store"},
		topic.Faulted:  {"code", "store"},
		topic.Cleared:  {"code", "store"},
	}
)

// Check reports what is wrong with a message that the unit n has published: the topic must be one
// of the unit's, and the payload one line with the declared fields and values and nothing else.
func Check(n topic.Names, name string, payload []byte) error {
	if err := check(n, name, payload); err != nil {
		return fmt.Errorf("payload of %s: %w", name, err)
	}
	return nil
}

func check(n topic.Names, name string, payload []byte) error {
	if !utf8.Valid(payload) || bytes.ContainsAny(payload, "\n\r\x00") {
		return errors.New("not one line of text")
	}
	if code, isAlert := strings.CutPrefix(name, n.Alert("")); isAlert {
		return checkAlert(code, payload)
	}
	switch name {
	case n.Availability():
		if s := string(payload); s != "online" && s != "offline" {
			return fmt.Errorf("%q is neither online nor offline", s)
		}
		return nil
	case n.Heartbeat():
		_, err := time.Parse(time.RFC3339, string(payload))
		return err
	case n.State():
		return checkFields(payload, stateFields, "store_")
	case n.Event():
		return checkEvent(payload)
	case n.Ledger():
		return checkFields(payload, ledgerFields, "")
	case n.Discovery():
		return checkDescription(payload)
	}
	if len(payload) == 0 && n.Describes(name) {
		return nil // removed from a former discovery prefix
	}
	return errors.New("not a topic of this unit")
}

func checkAlert(code string, payload []byte) error {
	if !regexp.MustCompile(`^` + word + `$`).MatchString(code) {
		return fmt.Errorf("%q is not a code", code)
	}
	if len(payload) > 1000 {
		return fmt.Errorf("%d bytes are too long", len(payload))
	}
	return nil
}

func checkEvent(payload []byte) error {
	if err := checkFields(payload, eventFields, ""); err != nil {
		return err
	}
	var e topic.Event
	if err := json.Unmarshal(payload, &e); err != nil {
		return err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(payload, &fields); err != nil {
		return err
	}
	for name := range fields {
		if eventFields[name].optional && !slices.Contains(eventOptions[e.Type], name) {
			return fmt.Errorf("%s has the field %q", e.Type, name)
		}
	}
	return nil
}

// checkFields checks a flat object. Each field whose name starts with the prefix, if any, holds the
// state of a store.
func checkFields(payload []byte, declared map[string]field, prefix string) error {
	fields, err := compactObject(payload)
	if err != nil {
		return err
	}
	for name, value := range fields {
		f, ok := declared[name]
		if store, cut := strings.CutPrefix(name, prefix); !ok && prefix != "" && cut {
			f.rule, ok = storeState, regexp.MustCompile(`^`+word+`$`).MatchString(store)
		}
		if !ok {
			return fmt.Errorf("field %q isn't declared", name)
		}
		if !f.rule(value) {
			return fmt.Errorf("field %q can't be %.80s", name, value)
		}
	}
	for name, f := range declared {
		if _, present := fields[name]; !present && !f.optional {
			return fmt.Errorf("field %q is missing", name)
		}
	}
	return nil
}

func compactObject(payload []byte) (map[string]json.RawMessage, error) {
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

func exactly(want string) rule {
	return func(raw json.RawMessage) bool { return string(raw) == want }
}

func matching(pattern string) rule {
	re := regexp.MustCompile(`^(` + pattern + `)$`)
	return func(raw json.RawMessage) bool { s, ok := text(raw); return ok && re.MatchString(s) }
}

func oneOf(words ...string) rule {
	return func(raw json.RawMessage) bool { s, ok := text(raw); return ok && slices.Contains(words, s) }
}

func isTime(raw json.RawMessage) bool {
	s, ok := text(raw)
	_, err := time.Parse(time.RFC3339, s)
	return ok && err == nil
}

func isCount(raw json.RawMessage) bool {
	_, err := strconv.ParseUint(string(raw), 10, 63)
	return err == nil
}

func isNumber(raw json.RawMessage) bool {
	f, err := strconv.ParseFloat(string(raw), 64)
	return err == nil && f >= 0
}

func isNumberOrNull(raw json.RawMessage) bool { return string(raw) == "null" || isNumber(raw) }

func isRemedy(raw json.RawMessage) bool { s, ok := text(raw); return ok && s == topic.ShortRemedy(s) }

// isNote accepts a few lines of ASCII, with the dash before a signature.
func isNote(raw json.RawMessage) bool {
	s, ok := text(raw)
	return ok && len(s) <= 8192 && regexp.MustCompile(`^[!-~— \n]*$`).MatchString(s)
}
