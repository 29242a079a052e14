package consent

import "time"

// Phase is where the machine is.
type Phase uint8

// Faulty and not Fault, which is an event; its word is "fault" all the same.
const (
	Idle      Phase = iota
	Waiting         // some parties gave, not all
	Starting        // all gave; light, head and microphone are on their way
	Recording       // samples arrive, and the head is on disk
	Stopping        // closing, in the order microphone, light
	Faulty          // idle, and not ready to record
)

// String gives the word that other programs read.
func (p Phase) String() string {
	switch p {
	case Idle:
		return "idle"
	case Waiting:
		return "waiting"
	case Starting:
		return "starting"
	case Recording:
		return "recording"
	case Stopping:
		return "stopping"
	default:
		return "fault"
	}
}

// Style is how a button is built.
type Style uint8

const (
	Momentary Style = iota // springs back
	Latching               // stays where it is put
)

// Button is one party's button.
type Button struct {
	Party    string
	Line     string
	Style    Style
	Debounce time.Duration
}

// Settings are what the machine goes by; it never changes them.
type Settings struct {
	Buttons []Button
	Max     time.Duration // a recording's length at most
	Quiet   time.Duration // without Sound, at most; 0: never
}

// What an Act's Kind says.
const (
	Gave     = "gave"
	Withdrew = "withdrew"
	Lapsed   = "lapsed"
)

// Why consent lapsed: an Act's Cause.
const (
	CauseMax     = "max"
	CauseQuiet   = "quiet"
	CauseWaiting = "waiting"
	CauseDoor    = "door"
	CauseFault   = "fault"
	CauseStopped = "stopped"
	CauseSlept   = "suspended"
)

// Why a recording ended: End's Reason.
const (
	ReasonWithdrawn = "withdrawn"
	ReasonLapsed    = "lapsed"
	ReasonFault     = "fault"
	ReasonStopped   = "stopped"
)

// Act is consent given or withdrawn by a party at a line, or lapsed by itself (no party, no line,
// but a cause).
type Act struct {
	Party string
	Kind  string
	At    time.Time // of the first edge of the press; of a lapse, when it was seen
	Line  string
	Cause string
}

// The machine's own times.
const (
	pressMin    = 50 * time.Millisecond  // a momentary press that gives is at least this long,
	pressMax    = 5 * time.Second        // and at most this
	deadTime    = 3 * time.Second        // presses count as nothing after consent was cleared
	lateAfter   = 250 * time.Millisecond // an edge that is learnt of later than that is doubted
	waitingTime = 30 * time.Second       // for the next party to give
	startTime   = 10 * time.Second       // from the last give to the open microphone
	samplesTime = time.Second            // from Opened to the first Samples
	beginTime   = 5 * time.Second        // from these to the first that may be kept, and from there to the head on disk
)
