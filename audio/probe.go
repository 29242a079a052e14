package audio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"tacet/audio/monitor"
)

// Heard is the result of a probe. It holds no samples.
type Heard struct {
	Frames int
	Dead   bool    // at the end the signal was constant for half a second, which no room is
	Rate   float64 // frames per second that the card really delivers; 0 if the probe was too short to tell
	Off    bool    // Rate differs from the nominal rate by more than a clock can be off
	Levels monitor.Levels
}

// ProbeTime is how long a probe must be to measure the rate: one second for the card to settle, ten
// to measure, one to spare.
const ProbeTime = 12 * time.Second

// Probe opens the microphone for a time, or until ctx ends, and closes it. It keeps no sound. As
// with Open, the caller has lit the light; after ErrStuck it must stay lit. Ten times a second it
// passes the level, in dB of full scale, to level, which must not block; it may be nil.
func (m *Mic) Probe(ctx context.Context, length time.Duration, level func(dB float64)) (Heard, error) {
	p := &prober{mic: m, level: level, meter: monitor.Meter{Rate: m.rate, Channels: m.channels},
		gaps: monitor.NewGaps(m.rate, m.Raw()), loudness: monitor.Loudness{Rate: m.rate, Channels: m.channels}}
	failed := make(chan error, 1)
	open, err := m.Open(p.take, func(err error) { failed <- err })
	if err != nil {
		return Heard{}, err
	}
	over := time.NewTimer(length)
	defer over.Stop()
	select {
	case <-over.C:
	case err = <-failed:
	case <-ctx.Done():
		err = ctx.Err()
	}
	err = errors.Join(err, open.Close())
	return p.heard(), err
}

// A prober judges the samples as a recording does.
type prober struct {
	mic   *Mic
	level func(dB float64) // may be nil

	mu       sync.Mutex // guards the fields below
	meter    monitor.Meter
	gaps     *monitor.Gaps
	loudness monitor.Loudness
	frames   int
	dead     bool
}

func (p *prober) take(samples []int16, _ time.Time, raw monitor.Raw) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(samples) / p.mic.channels
	p.frames += n
	_, p.dead = p.meter.Block(samples)
	p.gaps.Push(n, raw)
	if dB, complete := p.loudness.Block(samples); complete && p.level != nil {
		p.level(dB)
	}
}

func (p *prober) heard() Heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaps.Flush()
	h := Heard{Frames: p.frames, Dead: p.dead, Levels: p.loudness.Levels()}
	h.Rate, h.Off = p.gaps.Pace().Wrong()
	return h
}

// usualRates are the rates that a configuration may have, in Hz.
var usualRates = slices.Sorted(slices.Values(slices.Concat(opusRates, otherRates)))

// Offers describes which of the usual rates a PCM supports with one channel and with two. It opens
// the PCM repeatedly but never starts it. As with Open, the caller has lit the light; after
// ErrStuck it must stay lit.
func Offers(ctx context.Context, device string) (string, error) {
	m := NewMic(device, 0, 0, slog.New(slog.DiscardHandler))
	var offers []string
	var rejected error
	for m.channels = 1; m.channels <= 2; m.channels++ {
		var rates []string
		for _, m.rate = range usualRates {
			switch err := m.try(ctx); {
			case err == nil:
				rates = append(rates, strconv.Itoa(m.rate))
			case !errors.Is(err, ErrRate):
				return "", fmt.Errorf("open %s: %w", device, err)
			default:
				rejected = err
			}
		}
		if rates != nil {
			offers = append(offers, fmt.Sprintf("channels = %d: rate = %s", m.channels, strings.Join(rates, ", ")))
		}
	}
	if offers == nil {
		return "", fmt.Errorf("open %s: %w", device, rejected)
	}
	return strings.Join(offers, "; "), nil
}

// try configures the card and closes it.
func (m *Mic) try(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tried := make(chan error, 1)
	go func() {
		err := m.load()
		if err == nil {
			dev, e := m.prepare(&openCard{mic: m, silent: true})
			if err = e; err == nil {
				dev.Uninit()
			}
		}
		tried <- err
	}()
	select {
	case err := <-tried:
		return err
	case <-time.After(deadline):
		return ErrStuck
	}
}
