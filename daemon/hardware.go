package daemon

import (
	"tacet/daemon/capture"
	"tacet/daemon/lamp"
	"tacet/daemon/lines"
	"tacet/daemon/take"
	"tacet/daemon/wallclock"
)

// Hardware is what the daemon runs on. Each interface is declared where it is used. StatusLight and
// Buzzer may be nil.
type Hardware struct {
	Buttons     lines.Inputs
	Light       lamp.Light
	StatusLight lamp.StatusLight
	Buzzer      lamp.Buzzer
	Microphone  capture.Microphone
	Clock       wallclock.Clock
	NewEncoder  func(recordingID string) (take.Encoder, error)
}
