package audio

import (
	"fmt"
	"strings"
	"time"
)

// throttle slows the sound library's thread down, which spins without end once its card has been unplugged.
const throttle = 100 * time.Millisecond

// hear gets every line that the sound library logs, on the thread that logs it. For some faults such a line is the only trace:
//
//	EPIPE    the card threw samples away, because nobody took them in time
//	POLLERR  the card has been unplugged, or the sound server has gone
func (m *Mic) hear(line string) {
	line = strings.TrimSpace(line)
	s := m.current.Load()
	switch {
	case strings.Contains(line, "EPIPE"):
		m.log.Warn("the microphone lost samples: the machine was too busy to take them", "device", m.device, "times", m.overruns.Add(1))
	case strings.Contains(line, "POLLERR") && s != nil:
		s.fail(ErrUnplugged)
		select {
		case <-s.closing:
		case <-time.After(throttle):
		}
	case strings.Contains(line, "ailed"):
		m.heard.Store(&line)
	}
}

// complaint is the last thing that the sound library complained of, for an error's text.
func (m *Mic) complaint() string {
	if line := m.heard.Load(); line != nil {
		return fmt.Sprintf(" (%s)", strings.TrimPrefix(*line, "[ALSA] "))
	}
	return ""
}
