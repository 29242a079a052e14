package capture

import (
	"fmt"
	"time"

	"tacet/audio/monitor"
	"tacet/daemon/health"
	"tacet/daemon/ring"
)

// silentTime of a dead signal is a warning if the microphone has given no sound in this recording,
// mutedTime if it has: the broker must not hear of every pause in which somebody mutes the
// microphone. The meter takes another second to be sure.
const (
	silentTime = 9 * time.Second
	mutedTime  = 5 * time.Minute
)

// examine looks at a block's signal, and reports whether there is sound in it.
func (m *Mic) examine(b *ring.Block) (sound bool) {
	now := time.Now()
	m.last, m.heard = now, true
	m.s.Warnings.Clear(health.MicStalled)
	sound, dead := m.meter.Block(b.Samples)
	limit := silentTime
	if m.sound {
		limit = mutedTime
	}
	switch {
	case !dead:
		m.deadSince, m.sound = time.Time{}, true
	case m.deadSince.IsZero():
		m.deadSince = now
	case now.Sub(m.deadSince) >= limit:
		// It then stays up for the rest of the recording, so that nothing that follows the talk
		// leaves the room.
		m.s.Warnings.Warn(health.MicSilent, fmt.Errorf("the signal has not moved for %s", limit))
	}
	return sound
}

// decide applies the gap finder's verdicts to the oldest undecided blocks.
func (m *Mic) decide(verdicts []monitor.Verdict) {
	for _, v := range verdicts {
		b := m.undecided[0]
		m.undecided = m.undecided[1:]
		b.Decided, b.Silence = true, v.Lost+b.Lost
		if stale := min(int(v.Stale)*m.s.Channels, len(b.Samples)); stale > 0 {
			b.Samples = b.Samples[stale:] // captured before the opening; only in the first blocks
		}
		if b.Silence > 0 {
			lost := time.Duration(b.Silence) * time.Second / time.Duration(m.s.Rate)
			m.lost = fmt.Errorf("lost %s of sound at %s", lost.Round(time.Millisecond), b.Arrived.Format(time.TimeOnly))
			m.noteLost()
		}
	}
}

// noteLost warns of lost samples, once people may know that there is a recording.
func (m *Mic) noteLost() {
	if m.announced && m.lost != nil {
		m.s.Warnings.Warn(health.SamplesLost, m.lost)
	}
}

// Announce says that people may know of the recording now.
func (m *Mic) Announce() {
	m.announced, m.worked = true, true
	m.noteLost()
}

// noteRate warns of a card that does not keep its nominal rate, and marks the block, so that the
// recording notes the real rate. The sound is kept as it comes.
func (m *Mic) noteRate(b *ring.Block) {
	pace := m.gaps.Pace()
	rate, known := pace.Rate()
	if !known {
		return
	}
	b.Rate = rate
	if _, wrong := pace.Wrong(); wrong {
		m.s.Warnings.Warn(health.MicPace, fmt.Errorf("%.0f samples a second instead of %d, %+.1f %%", rate, m.s.Rate,
			100*(rate/float64(m.s.Rate)-1)))
		return
	}
	m.s.Warnings.Clear(health.MicPace)
}
