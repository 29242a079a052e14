package daemon_test

import (
	"cmp"
	"errors"
	"io"
	"sync"
	"time"

	"tacet/audio/monitor"
	"tacet/hw/simpanel"
)

// mic is a sound card. Each sample carries the time at which it was captured.
type mic struct {
	room *room

	mu       sync.Mutex
	absent   error
	refuse   error         // Open fails
	takes    time.Duration // Open takes
	every    time.Duration // between blocks; 0: 100 ms
	looks    time.Duration // Present takes
	stuck    bool          // Close fails: it may stay open
	stalled  bool          // no samples come; they are lost
	zero     bool          // digital silence
	echo     bool          // it hears the buzzer
	speed    float64       // factor on the nominal rate; 0: 1
	unknown  bool          // Present can't tell whether it is there
	open     bool
	openings int
	encoder  int       // of the last opening, an index into the room's; a start without a recording has one too
	last     time.Time // when samples last came
	closing  time.Time // when Close was last called
	gate     gate      // where Close hangs
	quit     chan struct{}
	failed   func(error)
}

var errStuck = errors.New("stuck")

func (m *mic) is() (open bool, last time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open, m.last
}

func (m *mic) set(change func(*mic)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

// unplug makes the card report that it was unplugged.
func (m *mic) unplug(err error) {
	m.mu.Lock()
	m.absent, m.refuse, m.stalled = err, err, true
	failed := m.failed
	m.mu.Unlock()
	if failed != nil {
		failed(err)
	}
}

// began is the zero of the fake card's clock.
var began = time.Now()

// raw is the fake card's clock at a time.
func raw(at time.Time) monitor.Raw { return monitor.Raw(at.Sub(began)) }

func (m *mic) Raw() monitor.Raw { return raw(time.Now()) }

func (m *mic) Present() (known bool, err error) {
	m.mu.Lock()
	looks, absent, unknown := m.looks, m.absent, m.unknown
	m.mu.Unlock()
	pause(looks)
	return !unknown, absent
}

func (m *mic) Open(deliver func([]int16, time.Time, monitor.Raw), failed func(error)) (io.Closer, error) {
	m.mu.Lock()
	takes, refuse := m.takes, m.refuse
	m.mu.Unlock()
	pause(takes)
	if refuse != nil {
		return nil, refuse
	}
	if g := m.room.front.State().Light; g != simpanel.On {
		m.room.Errorf("the microphone opens while the light is %s", g)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open, m.failed, m.last, m.quit = true, failed, time.Now(), make(chan struct{})
	m.openings++
	m.encoder = m.room.encodersMade() - 1
	go m.capture(deliver, time.Now(), m.quit)
	return m, nil
}

// capture delivers what was captured since the last call, in blocks.
func (m *mic) capture(deliver func([]int16, time.Time, monitor.Raw), from time.Time, quit chan struct{}) {
	m.mu.Lock()
	tick := time.NewTicker(cmp.Or(m.every, 100*time.Millisecond))
	m.mu.Unlock()
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		now := time.Now()
		m.mu.Lock()
		stalled, zero, echo, speed := m.stalled, m.zero, m.echo, cmp.Or(m.speed, 1)
		if !stalled {
			m.last = now
		}
		m.mu.Unlock()
		if !stalled {
			samples := captured(from, now, zero)
			if echo {
				m.room.echo(samples, from)
			}
			deliver(faster(samples, speed), now, raw(now))
		}
		from = now
	}
}

// faster stretches samples by a factor.
func faster(samples []int16, speed float64) []int16 {
	n := int(float64(len(samples))*speed + 0.5)
	for len(samples) < n {
		samples = append(samples, samples[len(samples)-1])
	}
	return samples[:n]
}

// captured returns the sound between two times. Each sample is the millisecond in which it was
// captured, modulo what 15 bits hold, and never 0.
func captured(from, to time.Time, zero bool) []int16 {
	n := int(to.Sub(from)/time.Millisecond) * perMS
	out := make([]int16, n)
	for i := range out {
		if !zero {
			out[i] = int16((from.UnixMilli()+int64(i/perMS))%32767) + 1
		}
	}
	return out
}

func (m *mic) Close() error {
	m.set(func(m *mic) { m.closing = time.Now() })
	m.gate.pass()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stuck {
		return errStuck
	}
	close(m.quit)
	m.open = false
	return nil
}
