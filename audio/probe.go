package audio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"tacet/audio/monitor"
)

// Heard is what came of a try: how much, and neither a sample nor how loud it was.
type Heard struct {
	Frames int
	Dead   bool    // at the end it had not moved for half a second, as no room does
	Rate   float64 // frames a second that the card really makes; 0: it was open for too short a time to tell
	Off    bool    // which is more or less than it claims, by more than any clock can be wrong
}

// ProbeTime is how long a probe takes that measures the rate: a second in which cards settle, ten
// that count, and one to spare.
const ProbeTime = 12 * time.Second

// Probe opens the microphone until ctx ends, at most for so long, keeps nothing of what it
// delivers, and closes it. As with Open, the caller has lit the light; after ErrStuck it stays lit.
func (m *Mic) Probe(ctx context.Context, length time.Duration) (Heard, error) {
	p := &prober{mic: m, meter: monitor.Meter{Rate: m.rate, Channels: m.channels}, gaps: monitor.NewGaps(m.rate, m.Raw())}
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

// A prober judges what the microphone delivers, as a recording does.
type prober struct {
	mic *Mic

	mu     sync.Mutex // guards the rest
	meter  monitor.Meter
	gaps   *monitor.Gaps
	frames int
	dead   bool
}

func (p *prober) take(samples []int16, _ time.Time, raw monitor.Raw) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(samples) / p.mic.channels
	p.frames += n
	_, p.dead = p.meter.Block(samples)
	p.gaps.Push(n, raw)
}

func (p *prober) heard() Heard {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gaps.Flush()
	h := Heard{Frames: p.frames, Dead: p.dead}
	h.Rate, h.Off = p.gaps.Pace().Off()
	return h
}

// usualRates are those that a technician may write.
var usualRates = []int{8000, 16000, 22050, 32000, 44100, 48000, 96000}

// Offers says which of the usual rates a PCM does with one channel and with two. For that it is
// opened again and again, but never started: the light is lit meanwhile, as with Open, and stays so
// after ErrStuck.
func Offers(ctx context.Context, device string) (string, error) {
	m := NewMic(device, 0, 0, slog.New(slog.DiscardHandler))
	var offers []string
	var why error
	for m.channels = 1; m.channels <= 2; m.channels++ {
		var rates []string
		for _, m.rate = range usualRates {
			switch err := m.try(ctx); {
			case err == nil:
				rates = append(rates, strconv.Itoa(m.rate))
			case !errors.Is(err, ErrRate):
				return "", fmt.Errorf("open %s: %w", device, err)
			default:
				why = err
			}
		}
		if rates != nil {
			offers = append(offers, fmt.Sprintf("channels = %d: rate = %s", m.channels, strings.Join(rates, ", ")))
		}
	}
	if offers == nil {
		return "", fmt.Errorf("open %s: %w", device, why)
	}
	return strings.Join(offers, "; "), nil
}

// try sets the card up, and lets go of it.
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
