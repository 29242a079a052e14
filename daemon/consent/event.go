package consent

import "time"

// An Event is something that happened, for [Machine.Step]. The set is closed.
type Event interface{ event() }

type (
	// Edge is one raw change of a button's line, including bounces.
	Edge struct {
		Button  int // index into Settings.Buttons
		Pressed bool
		At      time.Time
		Fresh   bool // false: its reader doubts it; it may withdraw but never give
	}

	// Door says that the door contact opened.
	Door struct{ At time.Time }

	// Ready says whether everything needed for a recording is in order. A new machine is not ready.
	Ready struct{ OK bool }

	// Lit answers LightOn. Not OK, which may come at any time until the end: the light is not on.
	Lit struct{ OK bool }

	// Prepared answers Prepare: the head of the file is in memory.
	Prepared struct{ OK bool }

	// Opened answers OpenMic. Not OK: the microphone is closed.
	Opened struct{ OK bool }

	// Samples says that samples arrived; only the first matters.
	Samples struct{}

	// Keepable says that samples may leave the hold-back; only the first matters.
	Keepable struct{}

	// Begun answers Begin: the head of the file is on disk, synced.
	Begun struct{ OK bool }

	// Sound says that the room is above its noise floor.
	Sound struct{}

	// Fault ends a recording: the microphone is gone, the disk is full, the light is not seen.
	Fault struct{}

	// Slept says that the machine was suspended: those who gave consent may have left.
	Slept struct{}

	// Closed answers CloseMic.
	Closed struct{}

	// Dark answers each LightOff. No Lit for an earlier LightOn follows it.
	Dark struct{}

	// Ended answers End: the file is closed.
	Ended struct{}

	// Stop says that the process is stopping: nothing starts after it.
	Stop struct{}

	// Tick says that time has passed. It is due at [Machine.Deadline].
	Tick struct{}
)

func (Edge) event()     {}
func (Door) event()     {}
func (Ready) event()    {}
func (Lit) event()      {}
func (Prepared) event() {}
func (Opened) event()   {}
func (Samples) event()  {}
func (Keepable) event() {}
func (Begun) event()    {}
func (Sound) event()    {}
func (Fault) event()    {}
func (Slept) event()    {}
func (Closed) event()   {}
func (Dark) event()     {}
func (Ended) event()    {}
func (Stop) event()     {}
func (Tick) event()     {}

// An Effect is something to do, returned by [Machine.Step]. The set is closed.
type Effect interface{ effect() }

type (
	// LightOn shows a steady light; answer with Lit, unless LightOff comes first.
	LightOn struct{}
	// LightPulse shows that another party is waited for; no answer.
	LightPulse struct{}
	// LightOff turns the light off; answer with Dark.
	LightOff struct{}
	// LightFlash shows that nothing can be recorded now; no answer.
	LightFlash struct{}

	// Prepare makes the recording's head, with the acts so far, in memory only; answer with
	// Prepared.
	Prepare struct{}

	// OpenMic comes only while the light is lit and the head is made; answer with Opened.
	OpenMic struct{}

	// Begin makes the head durable; answer with Begun. Until then a start leaves nothing on disk.
	Begin struct{}

	// Discard drops a head that is not on disk; no answer.
	Discard struct{}

	// Cut drops every sample captured at At or later. If not Fresh, the edge may be older than At,
	// so everything not yet proved to be older is dropped too. Of several for one recording, the
	// earliest counts.
	Cut struct {
		At    time.Time
		Fresh bool
	}

	// CloseMic comes only after Opened{true}; answer with Closed.
	CloseMic struct{}

	// End closes the file with the closing acts; answer with Ended. Each Prepared{true} gets one
	// Discard or, after Begun{true}, one End. A file that ends while its head is being written
	// holds no sample.
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
func (Begin) effect()      {}
func (Discard) effect()    {}
func (Cut) effect()        {}
func (CloseMic) effect()   {}
func (End) effect()        {}
