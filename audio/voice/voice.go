// Package voice is a microphone for machines that have none: two synthetic voices, who say so. It
// is part of the demonstration only, and no part of a unit.
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

// clip is half a minute of talk, which generate.go made.
//
//go:embed voice.opus
var clip []byte

// block is how much is delivered at once.
const block = 100 * time.Millisecond

// A Voice is a microphone in front of which somebody always talks.
type Voice struct {
	rate, channels int
	made           time.Time
}

// New makes a microphone that delivers the voice at any rate, the same in each channel.
func New(rate, channels int) *Voice { return &Voice{rate, channels, time.Now()} }

// Present knows that it is there: a voice always is.
func (v *Voice) Present() (known bool, err error) { return true, nil }

// Raw reads the clock that paces the voice, which is Go's: it is true to that one by definition.
func (v *Voice) Raw() monitor.Raw { return monitor.Raw(time.Since(v.made)) }

// Open begins to talk, in real time, from the beginning and over and over. It fails as no card
// does: never. Once Close has returned nothing is delivered any more.
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
	begin, said := time.Now(), 0
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
		for due := int(time.Since(begin).Seconds() * float64(v.rate)); said+most <= due; said += most {
			for i := range samples {
				samples[i] = talk[(said+i/v.channels)%len(talk)]
			}
			deliver(samples, time.Now(), v.Raw())
		}
	}
}

// Close stops the talk.
func (t *talker) Close() error {
	t.once.Do(func() { close(t.stop) })
	<-t.stopped
	return nil
}

// Samples is all that the voices say, at a rate.
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

// resample interpolates: good enough for a voice that is none.
func resample(in []int16, from, to int) []int16 {
	if from == to {
		return in
	}
	out := make([]int16, len(in)*to/from)
	width := max(1, from/to) // an average of so many keeps the worst of the aliasing away
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
