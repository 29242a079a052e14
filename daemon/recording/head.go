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

// Format is the format version in recording.json.
const Format = "tacet/1"

// Head is recording.json: a recording's description, in clear. It never holds the recording's
// X25519 recipient.
type Head struct {
	Format  string    `json:"format"`
	ID      string    `json:"id"`
	Site    string    `json:"site"`
	Room    string    `json:"room"`
	Started time.Time `json:"started"` // when the head was made, before the microphone opened: UTC, milliseconds
	Clock   string    `json:"clock"`   // "synced" or "unsynced"
	Boot    string    `json:"boot"`    // new at each start of the unit
	Audio   Audio     `json:"audio"`
	Parties []string  `json:"parties"`
	Notice  string    `json:"notice"`  // version of the notice on the wall
	Purpose string    `json:"purpose"` // what consent was asked for
	Light   string    `json:"light"`   // "proved" or "unproved"

	Recipients []string `json:"recipients"`  // fingerprints: see Fingerprint
	UnitKey    string   `json:"unit_key"`    // note verifier key
	SigningKey string   `json:"signing_key"` // note verifier key of this recording
	Ledger     string   `json:"ledger"`      // the ledger's signed head
}

// Audio is the sound's format.
type Audio struct {
	Codec    string `json:"codec"` // "opus", "flac" or "wav"
	Rate     int    `json:"rate"`  // samples per second
	Channels int    `json:"channels"`
	Bitrate  int    `json:"bitrate,omitempty"` // bits per second; Opus only
}

// An Act is consent given or withdrawn. It is stored sealed.
type Act struct {
	Party string    `json:"party"`
	Act   string    `json:"act"` // "gave", "withdrew" or "lapsed"
	Time  time.Time `json:"time"`
	Line  string    `json:"line,omitempty"`
	Cause string    `json:"cause,omitempty"` // why it lapsed
}

// A Gap is silence in place of samples that the microphone lost.
type Gap struct {
	Sample  int64 `json:"sample"`  // its position
	Samples int64 `json:"samples"` // its length
}

// A ClockStep says that the unit's clock was set.
type ClockStep struct {
	Sample  int64   `json:"sample"`  // the position at that time
	Seconds float64 `json:"seconds"` // forward is positive
}

// A Rate is the card's measured rate, where it differs from the nominal one.
type Rate struct {
	Sample int64   `json:"sample"` // the position when it was known
	Rate   float64 `json:"rate"`   // frames per second, over the 10 to 20 seconds before
}

// Happening is NNNNNN.json: what happened in the segment that follows it.
type Happening struct {
	Gaps       []Gap       `json:"gaps,omitempty"`
	ClockSteps []ClockStep `json:"clock_steps,omitempty"`
	Rates      []Rate      `json:"rates,omitempty"`
	LeftOut    int64       `json:"left_out,omitempty"` // entries beyond maxListed

	// Samples is the number of samples in a segment shorter than a second that no end accounts for;
	// 0 means a full second. Only recordings of versions before 1.0 have it, in the last segment
	// before the process was killed.
	Samples int64 `json:"samples,omitempty"`
}

// Reasons why a recording ended.
const (
	Withdrawn     = "withdrawn"
	Lapsed        = "lapsed"
	Fault         = "fault"
	Stopped       = "stopped"
	InterruptedBy = "interrupted" // the power or the process failed
)

// End is end.json.
type End struct {
	Reason  string `json:"reason"`
	Samples int64  `json:"samples"` // of an interrupted recording: its segments, counted as full seconds
	Gaps    []Gap  `json:"gaps"`
	LeftOut int64  `json:"gaps_left_out,omitempty"` // gaps beyond maxListed; the NNNNNN.json have them all

	// For an interrupted recording only.
	Last     string `json:"last,omitempty"`      // text of the last checkpoint
	CutBytes int64  `json:"cut_bytes,omitempty"` // bytes after it that were cut off
	Boot     string `json:"boot,omitempty"`      // the boot that found the recording
}

// written returns what end.json encodes: gaps is always written; cut_bytes too if interrupted.
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

// maxListed limits each list in a JSON member, which keeps the member below MaxJSON: an entry takes
// at most 60 bytes.
const maxListed = 500

// Origin returns the first line of the recording's checkpoints.
func (h *Head) Origin() string { return Origin(h.Site, h.Room, h.ID) }

// FileName returns the recording's original file name.
func (h *Head) FileName() string { return Name(h.Started, h.Room, h.ID) }

// check checks every field that a reader relies on.
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
		return fmt.Errorf("started %v does not fit into a tar header", h.Started)
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
		return fmt.Errorf("rate is %d samples per second, not 8000 to 192000", a.Rate)
	}
	if a.Channels < 1 || a.Channels > 8 {
		return fmt.Errorf("%d channels, not 1 to 8", a.Channels)
	}
	return nil
}

// verifiers returns the unit's and the recording's key from the head. It refuses a key made for
// another room or recording.
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

// parseHead parses recording.json. It ignores unknown fields, so that a later tacet/1 may add some.
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
		return fmt.Errorf("unknown reason %q", e.Reason)
	}
	if e.Samples < 0 || e.CutBytes < 0 {
		return errors.New("a negative number")
	}
	return nil
}

func parseHappening(data []byte) (Happening, error) {
	var h Happening
	err := parseJSON(data, &h)
	if err == nil && h.Samples < 0 {
		err = errors.New("a negative number")
	}
	return h, err
}

// parseJSON parses data, which holds one JSON object or array. The caller bounds its size.
func parseJSON(data []byte, v any) error {
	data = bytes.TrimRight(data, " \n")
	if len(data) == 0 || data[0] != '{' && data[0] != '[' {
		return errors.New("not JSON")
	}
	return json.Unmarshal(data, v)
}

// marshalJSON returns v as one line.
func marshalJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	if buf.Len() > MaxJSON {
		return nil, fmt.Errorf("%d bytes of JSON, more than the limit of %d", buf.Len(), MaxJSON)
	}
	return buf.Bytes(), nil
}

// listed truncates a list to maxListed, and returns how many entries were left out.
func listed[T any](list []T) ([]T, int64) {
	if len(list) <= maxListed {
		return list, 0
	}
	return list[:maxListed], int64(len(list) - maxListed)
}
