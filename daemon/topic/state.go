package topic

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Phase is what the unit is doing. It has no value for partial consent, which stays private.
type Phase string

const (
	Idle      Phase = "idle"
	Recording Phase = "recording"
	Fault     Phase = "fault"
)

type (
	// Clock is the state of the unit's wall clock.
	Clock string
	// Mic is the state of the microphone.
	Mic string
	// Light says whether the light has been seen by its sense line.
	Light string
	// Store is the state of a store.
	Store string
)

const (
	ClockSynced   Clock = "synced"
	ClockUnsynced Clock = "unsynced"

	MicOK      Mic = "ok"
	MicMissing Mic = "missing"
	MicFault   Mic = "fault"
	MicUntried Mic = "untried" // its name doesn't identify a card, and it has not been opened yet

	LightProved   Light = "proved"   // a sense line confirms it
	LightUnproved Light = "unproved" // driven, but nothing confirms that it is lit

	StoreOK       Store = "ok"
	StoreMissing  Store = "missing"
	StoreFull     Store = "full"
	StoreReadOnly Store = "readonly"
	StoreError    Store = "error"
)

var (
	phases      = []string{string(Idle), string(Recording), string(Fault)}
	clocks      = []string{string(ClockSynced), string(ClockUnsynced)}
	mics        = []string{string(MicOK), string(MicMissing), string(MicFault), string(MicUntried)}
	lights      = []string{string(LightProved), string(LightUnproved)}
	storeStates = []string{string(StoreOK), string(StoreMissing), string(StoreFull), string(StoreReadOnly),
		string(StoreError)}
)

// State is the whole unit at one time. Boot is new for each start of the daemon. Seq grows with
// each State of one boot: a smaller Seq of the same boot is an old message.
type State struct {
	Boot    string
	Seq     uint64
	Time    time.Time
	Version string
	Clock   Clock
	Phase   Phase
	Since   time.Time // when the phase started
	Mic     Mic
	Light   Light
	// SpoolFreeH is how many hours of recording fit on the unit's own disk; nil while unknown. See
	// Hours.
	SpoolFreeH     *float64
	Pending        int              // recordings that some store does not have yet
	OldestPendingH *float64         // the age of the oldest of them; nil if there is none
	Alerts         []string         // codes of all warnings that are up
	Config         string           // the first 128 bits of the configuration's hash, in hexadecimal
	Recipients     string           // see RecipientsHash
	VersionWaiting string           // the version that starts when no recording runs; empty: none
	UnitKey        string           // the unit's verifier key; empty while its disk is missing
	Remedy         string           // what to do about the worst of Alerts, or empty. See ShortRemedy
	Stores         map[string]Store // by name
}

// Hours is a duration in hours for State, rounded to a tenth, or to ten above 100.
func Hours(d time.Duration) *float64 { return hours(d.Hours()) }

func hours(h float64) *float64 {
	step := hourStep(h)
	h = math.Round(h*step) / step
	return &h
}

// hourStep is the number of rounding steps in an hour, for a duration of h hours.
func hourStep(h float64) float64 {
	if h >= 100 {
		return 0.1
	}
	return 10
}

// HoursNear is Hours with hysteresis: it returns last until the duration has moved away from it by
// more than one rounding step, so that a value between two steps does not flap.
func HoursNear(d time.Duration, last *float64) *float64 {
	if h := d.Hours(); last != nil && math.Abs(h-*last) <= 1/hourStep(math.Min(h, *last)) {
		return last
	}
	return Hours(d)
}

// wireState fixes the names and the order of the fields; the stores follow.
type wireState struct {
	V              int      `json:"v"`
	Boot           string   `json:"boot"`
	Seq            uint64   `json:"seq"`
	Time           string   `json:"time"`
	Version        string   `json:"version"`
	Clock          Clock    `json:"clock"`
	Phase          Phase    `json:"phase"`
	Since          string   `json:"since"`
	Mic            Mic      `json:"mic"`
	Light          Light    `json:"light"`
	SpoolFreeH     *float64 `json:"spool_free_h"`
	Pending        int      `json:"pending"`
	OldestPendingH *float64 `json:"oldest_pending_h"`
	Alerts         string   `json:"alerts"`
	Config         string   `json:"config"`
	Recipients     string   `json:"recipients"`
	VersionWaiting string   `json:"version_waiting"`
	UnitKey        string   `json:"unit_key"`
	Remedy         string   `json:"remedy"`
}

// storePrefix starts the key of each store's field.
const storePrefix = "store_"

// MarshalJSON returns one flat object, with the stores by name at its end.
func (s State) MarshalJSON() ([]byte, error) {
	alerts := slices.Sorted(slices.Values(s.Alerts))
	b, err := compact(wireState{
		V: version, Boot: s.Boot, Seq: s.Seq, Time: stamp(s.Time), Version: s.Version,
		Clock: s.Clock, Phase: s.Phase, Since: stamp(s.Since), Mic: s.Mic, Light: s.Light,
		SpoolFreeH: finite(s.SpoolFreeH), Pending: s.Pending, OldestPendingH: finite(s.OldestPendingH),
		Alerts: strings.Join(slices.Compact(alerts), ","), Config: s.Config, Recipients: s.Recipients,
		VersionWaiting: s.VersionWaiting, UnitKey: s.UnitKey, Remedy: ShortRemedy(s.Remedy),
	})
	if err != nil {
		return nil, err
	}
	b = b[:len(b)-1]
	for _, name := range sortedKeys(s.Stores) {
		field, err := compact(map[string]Store{storePrefix + name: s.Stores[name]})
		if err != nil {
			return nil, err
		}
		b = append(append(b, ','), field[1:len(field)-1]...)
	}
	return append(b, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote. It skips unknown fields, which a newer unit may have.
func (s *State) UnmarshalJSON(data []byte) error {
	var w wireState
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.V != version {
		return fmt.Errorf("state of version %d", w.V)
	}
	at, err := time.Parse(time.RFC3339, w.Time)
	if err != nil {
		return err
	}
	since, err := time.Parse(time.RFC3339, w.Since)
	if err != nil {
		return err
	}
	*s = State{
		Boot: w.Boot, Seq: w.Seq, Time: at, Version: w.Version, Clock: w.Clock, Phase: w.Phase, Since: since,
		Mic: w.Mic, Light: w.Light, SpoolFreeH: w.SpoolFreeH, Pending: w.Pending,
		OldestPendingH: w.OldestPendingH, Config: w.Config, Recipients: w.Recipients,
		VersionWaiting: w.VersionWaiting, UnitKey: w.UnitKey, Remedy: w.Remedy,
	}
	if w.Alerts != "" {
		s.Alerts = strings.Split(w.Alerts, ",")
	}
	var fields map[string]any
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	for key, value := range fields {
		name, isStore := strings.CutPrefix(key, storePrefix)
		text, isText := value.(string)
		if !isStore || !isText {
			continue
		}
		if s.Stores == nil {
			s.Stores = make(map[string]Store)
		}
		s.Stores[name] = Store(text)
	}
	return nil
}

// finite replaces what JSON has no number for by nil.
func finite(h *float64) *float64 {
	if h == nil || math.IsNaN(*h) || math.IsInf(*h, 0) {
		return nil
	}
	return h
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
