package consent

import "time"

// An Event is something that happened: what [Machine.Step] is told.
// The set is closed.
type Event interface{ event() }

type (
	// Edge is one raw change of a button's line, bounces and all: debouncing is the machine's.
	Edge struct {
		Button  int // index into Settings.Buttons
		Pressed bool
		At      time.Time
		Fresh   bool // false: doubted by its reader; it may withdraw, never give
	}

	// Door says that the door contact was seen to open.
	Door struct{ At time.Time }

	// Ready says whether everything needed for a recording is in order.
	// A new machine is not ready until it has been told so.
	Ready struct{ OK bool }

	// Lit answers LightOn. Not OK, at any time until the end: the light is not on.
	Lit struct{ OK bool }

	// Prepared answers Prepare: the head of the file is on disk, synced.
	Prepared struct{ OK bool }

	// Opened answers OpenMic. Not OK: the microphone is closed.
	Opened struct{ OK bool }

	// Samples says that samples arrived; only the first matters here.
	Samples struct{}

	// Sound says that the room was above its own floor just now.
	Sound struct{}

	// Fault is what must end a recording: the microphone gone, the disk full, the light not seen.
	Fault struct{}

	// Closed answers CloseMic.
	Closed struct{}

	// Dark answers LightOff, each of them. No Lit for a LightOn of before comes after it.
	Dark struct{}

	// Ended answers End: the file is closed.
	Ended struct{}

	// Stop says that the process is being stopped: nothing starts ever after.
	Stop struct{}

	// Tick says that time has passed, at the latest at [Machine.Deadline].
	Tick struct{}
)

func (Edge) event()     {}
func (Door) event()     {}
func (Ready) event()    {}
func (Lit) event()      {}
func (Prepared) event() {}
func (Opened) event()   {}
func (Samples) event()  {}
func (Sound) event()    {}
func (Fault) event()    {}
func (Closed) event()   {}
func (Dark) event()     {}
func (Ended) event()    {}
func (Stop) event()     {}
func (Tick) event()     {}

// An Effect is something to do: what [Machine.Step] answers, to be carried out in order.
// The set is closed.
type Effect interface{ effect() }

type (
	LightOn    struct{} // steady; answer with Lit, unless LightOff comes first
	LightPulse struct{} // waiting for another party; no answer
	LightOff   struct{} // answer with Dark
	LightFlash struct{} // can't record now; no answer

	// Prepare makes the recording's head durable, with the acts so far; answer with Prepared.
	Prepare struct{}

	// OpenMic is given only while the light is lit and the head is on disk; answer with Opened.
	OpenMic struct{}

	// Cut drops every sample captured at At or later. Fresh false: the edge may be older than
	// At, so everything not yet proved free of it goes too. Where there are several for one
	// recording, the earliest counts.
	Cut struct {
		At    time.Time
		Fresh bool
	}

	// CloseMic is given only after Opened{true}; answer with Closed.
	CloseMic struct{}

	// End closes the file with the closing acts; given exactly once for each Prepared{true};
	// answer with Ended.
	End struct {
		Reason string // withdrawn, lapsed, fault, stopped
		Acts   []Act
	}
)

func (LightOn) effect()    {}
func (LightPulse) effect() {}
func (LightOff) effect()   {}
func (LightFlash) effect() {}
func (Prepare) effect()    {}
func (OpenMic) effect()    {}
func (Cut) effect()        {}
func (CloseMic) effect()   {}
func (End) effect()        {}
