package consent

import "time"

// Phase is the state of the machine.
type Phase uint8

// Faulty is written as "fault"; the name Fault is an event.
const (
	Idle      Phase = iota
	Waiting         // some parties have given, but not all
	Starting        // all have given; light, head and microphone are being prepared
	Recording       // samples arrive and the head is on disk
	Stopping        // closing the microphone, then switching off the light
	Faulty          // idle and not ready to record
)

// String returns the word that other programs read.
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

// Style is the type of a button.
type Style uint8

const (
	Momentary Style = iota // springs back
	Latching               // stays in its position
)

// Button is one party's button.
type Button struct {
	Party    string
	Line     string
	Style    Style
	Debounce time.Duration
}

// Settings configure the machine, which never changes them.
type Settings struct {
	Buttons []Button
	Max     time.Duration // the longest recording
	Quiet   time.Duration // the longest time without Sound; 0: no limit
}

// The values of Act.Kind.
const (
	Gave     = "gave"
	Withdrew = "withdrew"
	Lapsed   = "lapsed"
)

// The values of Act.Cause: why consent lapsed.
const (
	CauseMax     = "max"
	CauseQuiet   = "quiet"
	CauseWaiting = "waiting"
	CauseDoor    = "door"
	CauseFault   = "fault"
	CauseStopped = "stopped"
	CauseSlept   = "suspended"
)

// The values of End.Reason: why a recording ended.
const (
	ReasonWithdrawn = "withdrawn"
	ReasonLapsed    = "lapsed"
	ReasonFault     = "fault"
	ReasonStopped   = "stopped"
)

// Act is consent given or withdrawn by a party at a line, or lapsed by itself, which has a cause
// instead of party and line.
type Act struct {
	Party string
	Kind  string
	At    time.Time // of the first edge of the press; for a lapse, when it was noticed
	Line  string
	Cause string
}

// The machine's times.
const (
	pressMin    = 50 * time.Millisecond  // the shortest momentary press that gives
	pressMax    = 5 * time.Second        // the longest
	deadTime    = 3 * time.Second        // after consent was cleared, presses have no effect for this long
	lateAfter   = 250 * time.Millisecond // an edge that arrives later than this is doubted
	waitingTime = 30 * time.Second       // for the next party to give
	startTime   = 10 * time.Second       // from the last give to the open microphone
	samplesTime = time.Second            // from Opened to the first Samples
	beginTime   = 5 * time.Second        // from these to the first keepable ones, and from there to the head on disk
)
