package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Format is the version that stands in recording.json.
const Format = "tacet/1"

// Head is recording.json: what a recording says of itself, in clear. It never holds the recording's
// X25519 recipient.
type Head struct {
	Format  string    `json:"format"`
	ID      string    `json:"id"`
	Site    string    `json:"site"`
	Room    string    `json:"room"`
	Started time.Time `json:"started"` // when the head was made, before the microphone opened: UTC, in milliseconds
	Clock   string    `json:"clock"`   // "synced" or "unsynced"
	Boot    string    `json:"boot"`    // new each time that the unit starts
	Audio   Audio     `json:"audio"`
	Parties []string  `json:"parties"`
	Notice  string    `json:"notice"`  // version of the notice on the wall
	Purpose string    `json:"purpose"` // what was asked for
	Light   string    `json:"light"`   // "proved" or "unproved"

	Recipients []string `json:"recipients"`  // fingerprints: see Fingerprint
	UnitKey    string   `json:"unit_key"`    // note verifier key
	SigningKey string   `json:"signing_key"` // note verifier key of this recording
	Ledger     string   `json:"ledger"`      // the ledger's signed head
}

// Audio is how the sound was taken and coded.
type Audio struct {
	Codec    string `json:"codec"` // "opus", "flac" or "wav"
	Rate     int    `json:"rate"`  // samples a second
	Channels int    `json:"channels"`
	Bitrate  int    `json:"bitrate,omitempty"` // bits a second; opus only
}

// An Act is consent given or withdrawn. It is written sealed.
type Act struct {
	Party string    `json:"party"`
	Act   string    `json:"act"` // "gave", "withdrew" or "lapsed"
	Time  time.Time `json:"time"`
	Line  string    `json:"line,omitempty"`
	Cause string    `json:"cause,omitempty"` // why it lapsed
}

// A Gap is silence put in where the microphone's samples were lost.
type Gap struct {
	Sample  int64 `json:"sample"`  // where it begins, from the recording's start
	Samples int64 `json:"samples"` // its length
}

// A ClockStep is the unit's clock having been set.
type ClockStep struct {
	Sample  int64   `json:"sample"`  // where the recording was then
	Seconds float64 `json:"seconds"` // forward is positive
}

// A Rate is what the card was found to give, where that is not what it claims.
type Rate struct {
	Sample int64   `json:"sample"` // where the recording was when that was known
	Rate   float64 `json:"rate"`   // frames a second, measured over the ten to twenty seconds before
}

// Happening is NNNNNN.json: what happened in the segment behind it.
type Happening struct {
	Gaps       []Gap       `json:"gaps,omitempty"`
	ClockSteps []ClockStep `json:"clock_steps,omitempty"`
	Rates      []Rate      `json:"rates,omitempty"`
	LeftOut    int64       `json:"left_out,omitempty"` // entries for which there was no room

	// Samples is how many there are in a segment that is shorter than a second and has no end after
	// it that says so; 0 is a full second. Recordings made before December 2026 can have it, in the
	// last segment of one whose process was killed; no unit writes it any more.
	Samples int64 `json:"samples,omitempty"`
}

// Reasons for the end of a recording.
const (
	Withdrawn     = "withdrawn"
	Lapsed        = "lapsed"
	Fault         = "fault"
	Stopped       = "stopped"
	InterruptedBy = "interrupted" // the power, or the process, went
)

// End is end.json.
type End struct {
	Reason  string `json:"reason"`
	Samples int64  `json:"samples"` // of a recording that was interrupted: its segments, as full seconds
	Gaps    []Gap  `json:"gaps"`
	LeftOut int64  `json:"gaps_left_out,omitempty"` // gaps for which there was no room; NNNNNN.json has them all

	// Of a recording that was interrupted.
	Last     string `json:"last,omitempty"`      // text of the last checkpoint
	CutBytes int64  `json:"cut_bytes,omitempty"` // bytes behind it that were cut off
	Boot     string `json:"boot,omitempty"`      // the boot that found it
}

// written is what end.json is made of: it always lists the gaps, be there none, and of an
// interrupted recording says what was cut off, be it nothing.
func (e End) written() any {
	if e.Gaps == nil {
		e.Gaps = []Gap{}
	}
	if e.Reason != InterruptedBy {
		return e
	}
	return struct {
		End
		CutBytes int64 `json:"cut_bytes"`
	}{e, e.CutBytes}
}

// maxListed bounds each list in a JSON member, so that the member stays below MaxJSON: there are
// two at most, and an entry has 60 bytes at most.
const maxListed = 500

// Origin is the first line of the recording's checkpoints.
func (h *Head) Origin() string { return Origin(h.Site, h.Room, h.ID) }

// FileName is the name that the recording was given.
func (h *Head) FileName() string { return Name(h.Started, h.Room, h.ID) }

// check says whether a head is one that can be used: every field that a reader relies on.
func (h *Head) check() error {
	if h.Format != Format {
		return fmt.Errorf("format is %q, not %q", h.Format, Format)
	}
	if err := checkPlace(h.Site, h.Room); err != nil {
		return err
	}
	if err := checkID(h.ID); err != nil {
		return err
	}
	if t := h.Started.Unix(); t < 0 || t >= 1<<33 {
		return fmt.Errorf("started %v is no time that a tar header can hold", h.Started)
	}
	if err := h.Audio.check(); err != nil {
		return err
	}
	if len(h.Parties) == 0 || len(h.Parties) > 16 {
		return fmt.Errorf("%d parties, not 1 to 16", len(h.Parties))
	}
	for _, p := range h.Parties {
		if !partyPattern.MatchString(p) {
			return fmt.Errorf("party %q is not 1 to 32 of a-z and -", p)
		}
	}
	if !slices.Contains([]string{"synced", "unsynced"}, h.Clock) {
		return fmt.Errorf("clock is %q, not synced or unsynced", h.Clock)
	}
	if !slices.Contains([]string{"proved", "unproved"}, h.Light) {
		return fmt.Errorf("light is %q, not proved or unproved", h.Light)
	}
	return nil
}

func (a Audio) check() error {
	if !slices.Contains([]string{"opus", "flac", "wav"}, a.Codec) {
		return fmt.Errorf("codec is %q, not opus, flac or wav", a.Codec)
	}
	if a.Rate < 8000 || a.Rate > 192_000 {
		return fmt.Errorf("rate of %d samples a second, not 8000 to 192000", a.Rate)
	}
	if a.Channels < 1 || a.Channels > 8 {
		return fmt.Errorf("%d channels, not 1 to 8", a.Channels)
	}
	return nil
}

// verifiers returns the unit's and the recording's keys that a head names. A key that was made for
// another place or recording is refused.
func (h *Head) verifiers() (unit, own note.Verifier, err error) {
	unit, err = note.NewVerifier(h.UnitKey)
	if err != nil {
		return nil, nil, fmt.Errorf("unit_key: %w", err)
	}
	if want := UnitName(h.Site, h.Room); unit.Name() != want {
		return nil, nil, fmt.Errorf("unit_key is %s's, not %s's", unit.Name(), want)
	}
	own, err = note.NewVerifier(h.SigningKey)
	if err != nil {
		return nil, nil, fmt.Errorf("signing_key: %w", err)
	}
	if want := h.Origin(); own.Name() != want {
		return nil, nil, fmt.Errorf("signing_key is %s's, not %s's", own.Name(), want)
	}
	return unit, own, nil
}

// parseHead reads recording.json. Fields that it doesn't know are left alone, so that a later
// tacet/1 may have more.
func parseHead(data []byte) (Head, error) {
	var h Head
	if err := parseJSON(data, &h); err != nil {
		return Head{}, err
	}
	if err := h.check(); err != nil {
		return Head{}, err
	}
	return h, nil
}

func parseEnd(data []byte) (End, error) {
	var e End
	if err := parseJSON(data, &e); err != nil {
		return End{}, err
	}
	return e, e.check()
}

func (e *End) check() error {
	if !slices.Contains([]string{Withdrawn, Lapsed, Fault, Stopped, InterruptedBy}, e.Reason) {
		return fmt.Errorf("reason is %q", e.Reason)
	}
	if e.Samples < 0 || e.CutBytes < 0 {
		return errors.New("a number below zero")
	}
	return nil
}

func parseHappening(data []byte) (Happening, error) {
	var h Happening
	err := parseJSON(data, &h)
	if err == nil && h.Samples < 0 {
		err = errors.New("a number below zero")
	}
	return h, err
}

// parseJSON reads the one JSON object that data holds. Its size is bounded by the caller.
func parseJSON(data []byte, v any) error {
	data = bytes.TrimRight(data, " \n")
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return errors.New("not JSON")
	}
	return json.Unmarshal(data, v)
}

// marshalJSON writes one line.
func marshalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if buf.Len() > MaxJSON {
		return nil, fmt.Errorf("%d bytes of JSON are more than the %d that a recording allows", buf.Len(), MaxJSON)
	}
	return buf.Bytes(), nil
}

// listed cuts a list to what a JSON member has room for, and says how many were left out.
func listed[T any](list []T) ([]T, int64) {
	if len(list) <= maxListed {
		return list, 0
	}
	return list[:maxListed], int64(len(list) - maxListed)
}
