package daemon

import (
	"fmt"
	"time"

	"tacet/audio/stream"
)

// judge shows the finder a new block and applies what it decided to the blocks
// at the front of the undecided.
func (d *Daemon) judge(b *block) {
	frames := len(b.samples) / d.cfg.Audio.Channels
	// Frames that the full ring refused are lost, but for certain: the finder
	// counts them as arrived.
	d.settle(d.gaps.Push(frames+int(b.lost), b.raw))
}

func (d *Daemon) settle(verdicts []stream.Verdict) {
	for _, v := range verdicts {
		b := d.mic.held[d.mic.decided]
		d.mic.decided++
		b.silence = v.Lost + b.lost
		if stale := min(int(v.Stale)*d.cfg.Audio.Channels, len(b.samples)); stale > 0 {
			b.samples = b.samples[stale:]
		}
		if b.silence > 0 {
			d.warn("samples-lost", fmt.Errorf("%s at %s", d.framesTime(b.silence).Round(time.Millisecond), b.arrived.Format(time.TimeOnly)))
		}
	}
}
