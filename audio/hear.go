package audio

import (
	"fmt"
	"strings"
	"time"
)

// throttle slows the sound library's thread down, which spins without end once its card has been
// unplugged.
const throttle = 100 * time.Millisecond

// A ring is a card's memory: so many periods of so many frames.
type ring struct{ period, periods int }

// hear gets every line that the sound library logs, on the thread that logs it. For some faults
// such a line is the only trace:
//
//	EPIPE    the card threw samples away, because nobody took them in time
//	POLLERR  the card has been unplugged, or the sound server has gone
//	Buffer Size  what the card agreed to, which may be much less than what it was asked for
func (m *Mic) hear(line string) {
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
		m.heard.Store(&line)
	}
}

// overrunEvery is how often overruns are logged at most: a card with a small buffer has some twenty
// a second.
const overrunEvery = time.Minute

// overrun counts what the card threw away, and logs the first of it and then a line a minute, with
// how often it was in between.
func (m *Mic) overrun(now time.Time) {
	m.overruns.Add(1)
	last := m.told.Load()
	if last != nil && now.Sub(*last) < overrunEvery || !m.told.CompareAndSwap(last, &now) {
		return
	}
	total := m.overruns.Load()
	m.log.Warn("the microphone lost samples: the machine was too busy to take them", "device", m.device,
		"times", total-m.toldOf.Swap(total), "since_start", total)
}

// complaint is the last thing that the sound library complained of, for an error's text.
func (m *Mic) complaint() string {
	if line := m.heard.Load(); line != nil {
		return fmt.Sprintf(" (%s)", strings.TrimPrefix(*line, "[ALSA] "))
	}
	return ""
}
