package daemon

import (
	"context"
	"io"
	"time"

	"tacet/audio/encoded"
	"tacet/audio/monitor"
)

// Buttons are the hands' side of the unit: every consent button in the configuration's order and,
// behind them, the door contact where there is one.
type Buttons interface {
	// Watch calls edge for every change of a line until ctx ends. Input counts the buttons from 0;
	// the door, if any, is the one behind the last button. At is when the line changed. Fresh is
	// false where there is doubt: edges were lost before this one, it is of the same direction as
	// the last, it is learnt of late, or it was made up because the level had changed without one.
	//
	// Watch returns nil after ctx has ended, and an error when it can't go on.
	Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error
	// Read reads every line now: true is pressed, or open for the door. Every edge from before the
	// call has been passed to Watch's function when it returns. It is not called by the owner: it
	// may hang.
	//
	// An error that has a method Input() int, of Watch or of Read, says which input it is about.
	Read() ([]bool, error)
}

// Light is the indicator that says the microphone is open. On, Off, Pulse and Flash return once the
// line has been driven; blinking goes on by itself until the next call.
type Light interface {
	On() error
	Off() error
	Pulse() error
	// Flash shows three quick flashes and stays dark.
	Flash() error
	// Sense reads what the light really does. Known is false where the unit has no sense line.
	Sense() (lit, known bool, err error)
}

// StatusLight is the second, optional light.
type StatusLight interface {
	Steady() error
	Pulse() error
	Flash() error
	Off() error
}

// Microphone opens the room's sound card.
type Microphone interface {
	// Present says, without opening anything, why the card can't be there. Known is false where
	// only Open can tell: until it has, nobody knows.
	Present() (known bool, err error)
	// Raw reads the clock that blocks are stamped with for judging the card.
	Raw() monitor.Raw
	// Open starts capturing. deliver runs on the audio thread with interleaved samples that are
	// valid only during the call. A block has two stamps, of when it came: arrived is compared with
	// edges and readings of lines and nothing else, raw judges the card and nothing else. failed is
	// called at most once, when capture can't go on.
	//
	// Close of the returned handle ends capture before it returns; an error means that the device
	// may still be open and the process has to end.
	//
	// A microphone that has a method Overruns() int64 counts how often the card has thrown samples
	// away, before the block is delivered that follows.
	//
	// An error that has a method Code() string names its warning by it. One that has a method
	// MayBeOpen() bool, and says so, ends the process too.
	Open(deliver func(samples []int16, arrived time.Time, raw monitor.Raw), failed func(error)) (io.Closer, error)
}

// Clock is the wall clock. Elapsed time is measured with the monotonic clock, never with this one.
type Clock interface {
	Now() time.Time
	Synced() bool
	// Suspended is how long the machine has been suspended since it was switched on.
	Suspended() time.Duration
}

// Encoder turns samples into the segments of one audio file, one second each.
type Encoder interface {
	// Encode takes interleaved samples and returns the segments that became complete. It keeps none
	// of its input.
	Encode(samples []int16) ([]encoded.Segment, error)
	// Close returns what is left, with the file's end mark.
	Close() ([]encoded.Segment, error)
	// Release drops what is left, of a recording that comes to no end. It may be called more than
	// once, also after Close.
	Release()
}

// Hardware is what the daemon runs on. StatusLight may be nil.
type Hardware struct {
	Buttons     Buttons
	Light       Light
	StatusLight StatusLight
	Microphone  Microphone
	Clock       Clock
	NewEncoder  func(recordingID string) (Encoder, error)
}
