package consent

import "time"

// An Event is something that happened: what [Machine.Step] is told. The set is closed.
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

	// Ready says whether everything needed for a recording is in order. A new machine is not ready
	// until it has been told so.
	Ready struct{ OK bool }

	// Lit answers LightOn. Not OK, at any time until the end: the light is not on.
	Lit struct{ OK bool }

	// Prepared answers Prepare: the head of the file is made, in memory.
	Prepared struct{ OK bool }

	// Opened answers OpenMic. Not OK: the microphone is closed.
	Opened struct{ OK bool }

	// Samples says that samples arrived; only the first matters here.
	Samples struct{}

	// Keepable says that samples may leave the hold-back; only the first matters here.
	Keepable struct{}

	// Begun answers Begin: the head of the file is on disk, synced.
	Begun struct{ OK bool }

	// Sound says that the room was above its own floor just now.
	Sound struct{}

	// Fault is what must end a recording: the microphone gone, the disk full, the light not seen.
	Fault struct{}

	// Slept says that the machine was suspended: whoever gave consent may have left since.
	Slept struct{}

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

// An Effect is something to do: what [Machine.Step] answers, to be carried out in order. The set is
// closed.
type Effect interface{ effect() }

type (
	LightOn    struct{} // steady; answer with Lit, unless LightOff comes first
	LightPulse struct{} // waiting for another party; no answer
	LightOff   struct{} // answer with Dark
	LightFlash struct{} // can't record now; no answer

	// Prepare makes the recording's head, with the acts so far, in memory and nowhere else; answer
	// with Prepared.
	Prepare struct{}

	// OpenMic is given only while the light is lit and the head is made; answer with Opened.
	OpenMic struct{}

	// Begin makes the head durable; answer with Begun. Until then a start leaves nothing on any
	// disk.
	Begin struct{}

	// Discard forgets a head that is not on disk; no answer.
	Discard struct{}

	// Cut drops every sample captured at At or later. Fresh false: the edge may be older than At,
	// so everything not yet proved free of it goes too. Where there are several for one recording,
	// the earliest counts.
	Cut struct {
		At    time.Time
		Fresh bool
	}

	// CloseMic is given only after Opened{true}; answer with Closed.
	CloseMic struct{}

	// End closes the file with the closing acts; answer with Ended. Each Prepared{true} gets one
	// Discard, or, after Begun{true}, one End. A file that ends while its head was being written
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
