package monitor

import (
	"math"
	"math/bits"
	"time"
)

// How Meter judges.
const (
	step      = 20 * time.Millisecond // the level is measured this often
	lowest    = 300.0                 // Hz: mains hum, fans and footsteps are below
	above     = 9.0                   // dB above the floor count as sound
	rise      = 0.5                   // dB per second by which the floor rises
	fall      = 0.3                   // of the difference by which the floor falls in each step
	floorLow  = -90.0                 // dB of full scale: the bounds of the floor
	floorHigh = -20.0
	window    = 25 // of these last steps
	least     = 6  // this many must be sound: the ticks of a clock are fewer
)

// A Meter detects whether anybody can be heard, relative to the room's noise floor: the quietest
// recent level. The floor falls at once and rises slowly, so that a fan that is switched on becomes
// part of it after half a minute, but a long speech does not. The Meter reveals only yes or no.
//
// The zero Meter is for one channel at 48 kHz.
type Meter struct {
	Rate     int // frames per second
	Channels int

	group  int // samples that are averaged into one: the meter works at 8 kHz or a little more
	length int // groups per step
	taken  int // samples in the current group
	total  int // their sum
	high   [2]biquad
	sum    float64 // of the squares in the current step
	count  int     // groups in the current step
	floor  float64 // dB of full scale; 0: not measured yet
	still  still
	loud   uint32 // which of the last steps were sound; the lowest bit is the newest
}

// init fills in what the zero Meter lacks.
func (m *Meter) init() {
	if m.Rate == 0 {
		m.Rate = 48000
	}
	m.Channels = max(m.Channels, 1)
	m.still = newStill(m.Rate, m.Channels)
	slower := max(1, m.Rate/8000)
	m.group = slower * m.Channels
	m.length = int(step * time.Duration(m.Rate/slower) / time.Second)
	for i := range m.high {
		m.high[i] = highPass(lowest, float64(m.Rate/slower))
	}
}

// Block takes the next interleaved samples. sound: somebody or something can be heard. dead: for
// half a second or more no channel has moved by more than a converter's dither, around any value,
// which happens with a dead or muted microphone but in no room.
func (m *Meter) Block(samples []int16) (sound, dead bool) {
	if m.group == 0 {
		m.init()
	}
	m.still.take(samples)
	for len(samples) > 0 {
		n := min(m.group-m.taken, len(samples))
		for _, s := range samples[:n] {
			m.total += int(s)
		}
		samples = samples[n:]
		if m.taken += n; m.taken < m.group {
			break
		}
		x := m.high[1].next(m.high[0].next(float64(m.total) / float64(32768*m.group)))
		m.total, m.taken = 0, 0
		m.sum += x * x
		if m.count++; m.count == m.length {
			sound = m.step(10*math.Log10(m.sum/float64(m.count)+1e-12)) || sound
			m.sum, m.count = 0, 0
		}
	}
	return sound, m.still.is()
}

// step takes the level of one step, in dB of full scale, and reports whether there is sound.
func (m *Meter) step(level float64) bool {
	m.loud = m.loud << 1 & (1<<window - 1)
	switch {
	case m.floor == 0:
		m.floor = level
	case level < m.floor:
		m.floor += fall * (level - m.floor)
	default:
		if level > m.floor+above {
			m.loud |= 1
		}
		m.floor += rise * step.Seconds()
	}
	m.floor = min(max(m.floor, floorLow), floorHigh)
	return bits.OnesCount32(m.loud) >= least
}

// A biquad is a second-order filter.
type biquad struct {
	b0, b1, b2, a1, a2 float64
	s1, s2             float64
}

// highPass is a Butterworth filter, designed with the bilinear transform.
func highPass(corner, rate float64) biquad {
	sin, cos := math.Sincos(2 * math.Pi * corner / rate)
	alpha := sin / math.Sqrt2
	a0 := 1 + alpha
	return biquad{b0: (1 + cos) / 2 / a0, b1: -(1 + cos) / a0, b2: (1 + cos) / 2 / a0, a1: -2 * cos / a0,
		a2: (1 - alpha) / a0}
}

func (f *biquad) next(x float64) float64 {
	y := f.b0*x + f.s1
	f.s1 = f.b1*x - f.a1*y + f.s2
	f.s2 = f.b2*x - f.a2*y
	return y
}
