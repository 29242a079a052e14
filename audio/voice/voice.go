// Package voice is a microphone for machines without one: two synthetic voices, who say so. It is
// part of the demonstration only, never of a unit.
package voice

import (
	_ "embed"
	"fmt"
	"io"
	"sync"
	"time"

	"tacet/audio/monitor"
	"tacet/audio/ogg"
	"tacet/audio/opus/decode"
)

// clip is half a minute of speech, made by generate.go.
//
//go:embed voice.opus
var clip []byte

// block is the length of a delivered block.
const block = 100 * time.Millisecond

// A Voice is a microphone that always hears somebody talk.
type Voice struct {
	rate, channels int
	made           time.Time
}

// New returns a microphone with any rate. All channels have the same sound.
func New(rate, channels int) *Voice { return &Voice{rate, channels, time.Now()} }

// Present reports that the microphone is present, which it always is.
func (v *Voice) Present() (known bool, err error) { return true, nil }

// Raw reads the clock that paces the voice, which is Go's.
func (v *Voice) Raw() monitor.Raw { return monitor.Raw(time.Since(v.made)) }

// Open starts to deliver the clip in real time, in a loop from its start. Once open it never calls
// failed, and nothing is delivered after Close has returned.
func (v *Voice) Open(deliver func(samples []int16, arrived time.Time, raw monitor.Raw),
	_ func(error)) (io.Closer, error) {
	talk, err := Samples(v.rate)
	if err != nil {
		return nil, err
	}
	t := &talker{stop: make(chan struct{}), stopped: make(chan struct{})}
	go t.run(talk, v, deliver)
	return t, nil
}

type talker struct {
	once          sync.Once
	stop, stopped chan struct{}
}

func (t *talker) run(talk []int16, v *Voice, deliver func([]int16, time.Time, monitor.Raw)) {
	defer close(t.stopped)
	start, delivered := time.Now(), 0
	ticker := time.NewTicker(block)
	defer ticker.Stop()
	most := int(block * time.Duration(v.rate) / time.Second)
	samples := make([]int16, most*v.channels)
	for {
		select {
		case <-t.stop:
			return
		case <-ticker.C:
		}
		for due := int(time.Since(start).Seconds() * float64(v.rate)); delivered+most <= due; delivered += most {
			for i := range samples {
				samples[i] = talk[(delivered+i/v.channels)%len(talk)]
			}
			deliver(samples, time.Now(), v.Raw())
		}
	}
}

// Close stops the delivery.
func (t *talker) Close() error {
	t.once.Do(func() { close(t.stop) })
	<-t.stopped
	return nil
}

// Samples returns the clip at a rate.
func Samples(rate int) ([]int16, error) {
	const decoded = ogg.Rate
	dec, err := decode.New(decoded, 1)
	if err != nil {
		return nil, fmt.Errorf("decode the voice: %w", err)
	}
	var talk []int16
	packet := make([]int16, decoded*120/1000)
	length := int64(0)
	for rest, page := clip, 0; len(rest) > 0; page++ {
		var p ogg.Page
		if p, rest, err = ogg.Parse(rest); err != nil {
			return nil, fmt.Errorf("decode the voice: %w", err)
		}
		length = p.Granule
		if page < 2 {
			continue // headers
		}
		for data := range p.Packets {
			n, err := dec.Decode(data, packet)
			if err != nil {
				return nil, fmt.Errorf("decode the voice: %w", err)
			}
			talk = append(talk, packet[:n]...)
		}
	}
	return resample(talk[ogg.PreSkip:min(int64(len(talk)), length)], decoded, rate), nil
}

// resample interpolates linearly, which is good enough for a synthetic voice.
func resample(in []int16, from, to int) []int16 {
	if from == to {
		return in
	}
	out := make([]int16, len(in)*to/from)
	width := max(1, from/to) // averaging avoids the worst aliasing
	for i := range out {
		at, part := i*from/to, i*from%to
		a, b := mean(in, at, width), mean(in, at+1, width)
		out[i] = int16(a + (b-a)*part/to)
	}
	return out
}

func mean(in []int16, at, width int) int {
	sum := 0
	for k := range width {
		sum += int(in[min(at+k, len(in)-1)])
	}
	return sum / width
}
