package audio

import (
	"fmt"
	"strings"
	"time"
)

// throttle slows down the sound library's thread, which spins for ever after its card has been
// unplugged.
const throttle = 100 * time.Millisecond

// A ring is the buffer of a card.
type ring struct {
	period  int // frames
	periods int
}

// readLog handles every line that the sound library logs, on the thread that logs it. Some faults
// leave no other trace:
//
//	EPIPE        the card discarded samples that were not read in time
//	POLLERR      the card has been unplugged, or the sound server has ended
//	Buffer Size  what the card granted, which may be much less than was requested
func (m *Mic) readLog(line string) {
	line = strings.TrimSpace(line)
	s := m.current.Load()
	switch {
	case strings.Contains(line, "EPIPE"):
		m.overrun(time.Now())
	case strings.Contains(line, "POLLERR") && s != nil:
		s.fail(ErrUnplugged)
		select {
		case <-s.closing:
		case <-time.After(throttle):
		}
	case strings.HasPrefix(line, "Buffer Size: "):
		var r ring
		if n, _ := fmt.Sscanf(line, "Buffer Size: %d*%d", &r.period, &r.periods); n == 2 {
			m.ring.Store(&r)
		}
	case strings.Contains(line, "ailed"):
		m.failure.Store(&line)
	}
}

// overrunEvery is the least time between two log lines about overruns. A card with a small buffer
// can have twenty overruns per second.
const overrunEvery = time.Minute

// overrun counts an overrun. It logs the first one, and then at most one line per minute with the
// number since the last line.
func (m *Mic) overrun(now time.Time) {
	m.overruns.Add(1)
	last := m.loggedAt.Load()
	if last != nil && now.Sub(*last) < overrunEvery || !m.loggedAt.CompareAndSwap(last, &now) {
		return
	}
	total := m.overruns.Load()
	m.log.Warn("the microphone lost samples: the machine was too busy to read them", "device", m.device,
		"times", total-m.loggedTotal.Swap(total), "since_start", total)
}

// lastError is the last failure that the sound library logged, for the text of an error.
func (m *Mic) lastError() string {
	if line := m.failure.Load(); line != nil {
		return fmt.Sprintf(" (%s)", strings.TrimPrefix(*line, "[ALSA] "))
	}
	return ""
}
