package audio

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tacet/audio/stream"
)

// Heard is what came of a try: how much, and neither a sample nor how loud it was.
type Heard struct {
	Frames int
	Zeros  bool // all of it, which no room is
}

// Probe opens the microphone until ctx ends, at most for so long, keeps nothing of what it delivers, and closes it. As with Open, the
// caller has lit the light; after ErrStuck it stays lit.
func (m *Mic) Probe(ctx context.Context, length time.Duration) (Heard, error) {
	var frames atomic.Int64
	var sound atomic.Bool
	failed := make(chan error, 1)
	open, err := m.Open(func(samples []int16, _ time.Time, _ stream.Raw) {
		frames.Add(int64(len(samples) / m.channels))
		if slices.ContainsFunc(samples, func(s int16) bool { return s != 0 }) {
			sound.Store(true)
		}
	}, func(err error) { failed <- err })
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
	return Heard{int(frames.Load()), !sound.Load()}, err
}

// usualRates are those that a technician may write.
var usualRates = []int{8000, 16000, 22050, 32000, 44100, 48000, 96000}

// Offers says which of the usual rates a PCM does with one channel and with two. For that it is opened again and again, but never
// started: the light is lit meanwhile, as with Open, and stays so after ErrStuck.
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
