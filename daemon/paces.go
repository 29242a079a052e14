package daemon

import (
	"fmt"
	"math"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/recording"
)

const (
	// rateNoted is by how much a card's rate must differ from what was noted last to be noted
	// again.
	rateNoted = 650e-6
	// rateEvery bounds how often it is.
	rateEvery = 10 * time.Second
)

// notePace warns of a card that does not keep the rate that it claims, and has the recording say
// so. Its sound is kept as it comes.
func (d *Daemon) notePace(b *block) {
	pace := d.gaps.Pace()
	rate, known := pace.Rate()
	if !known {
		return
	}
	b.rate = rate
	if _, off := pace.Off(); off {
		d.warn(health.MicPace, fmt.Errorf("%.0f samples a second instead of %d, %+.1f %%", rate, d.cfg.Audio.Rate,
			100*(rate/float64(d.cfg.Audio.Rate)-1)))
		return
	}
	d.health.Clear(health.MicPace)
}

// rates are the notes of a recording about its card's rate. The encode goroutine's.
type rates struct {
	noted float64 // the last, or what the head says
	next  int64   // the frame from which the next one may come
}

// note is what to write where the recording stands at a frame, if there is something to write.
func (r *rates) note(frame int64, nominal int, rate float64) (recording.Rate, bool) {
	if r.noted == 0 {
		r.noted = float64(nominal)
	}
	if rate == 0 || frame < r.next || math.Abs(rate/r.noted-1) < rateNoted {
		return recording.Rate{}, false
	}
	r.noted, r.next = rate, frame+int64(rateEvery.Seconds())*int64(nominal)
	return recording.Rate{Sample: frame, Rate: math.Round(rate)}, true
}
