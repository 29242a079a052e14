package daemon

import (
	"io"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/lamp"
	"tacet/daemon/lines"
	"tacet/daemon/take"
	"tacet/daemon/wallclock"
)

// Hardware is what the daemon runs on. StatusLight may be nil.
type Hardware struct {
	Buttons     lines.Inputs
	Light       lamp.Light
	StatusLight lamp.StatusLight
	Microphone  Microphone
	Clock       wallclock.Clock
	NewEncoder  func(recordingID string) (take.Encoder, error)
}

// Microphone opens the room's sound card.
type Microphone interface {
	// Present reports, without opening anything, why the card can't be there. Known is false where
	// only Open can tell.
	Present() (known bool, err error)
	// Raw reads the clock whose stamps judge the card.
	Raw() monitor.Raw
	// Open starts capturing. It calls deliver on the audio thread with interleaved samples that are
	// valid only during the call, and two stamps of when they came: arrived is compared with edges
	// and readings of the lines only, and raw only judges the card. It calls failed at most once,
	// when capture can't go on.
	//
	// Close of the returned handle ends capture before it returns. An error means that the device
	// may still be open, so the process has to end.
	//
	// A microphone may have a method Overruns() int64: how often the card has dropped samples,
	// counted before the block that follows is delivered.
	//
	// An error may have a method Code() string that names its warning. An error with a method
	// MayBeOpen() bool that returns true also ends the process.
	Open(deliver func(samples []int16, arrived time.Time, raw monitor.Raw), failed func(error)) (io.Closer, error)
}
