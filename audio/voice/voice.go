// Package voice is a room in which somebody speaks, for a machine that has no
// microphone: two synthesised voices, one after the other, for ever. It is part
// of the demo and never of tacetd.
//
//	v := voice.New(48000, 1)
//	c, err := v.Open(deliver, failed) // samples arrive in real time, 100 ms at once
//	err = c.Close()
//
// The sound was made with espeak-ng and is embedded as Ogg Opus.
package voice

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hraban/opus"

	"tacet/audio/ogg"
)

//go:embed voice.opus
var clip []byte

// clipRate is what libopus decodes to; other rates are interpolated.
const clipRate = 48000

// period is how much sound arrives at once, as from the real microphone.
const period = 100 * time.Millisecond

// Voice stands in for a microphone.
type Voice struct{ rate, channels int }

// New makes a voice that is silent until Open.
func New(rate, channels int) *Voice { return &Voice{rate, channels} }

// Present says that a voice is always there.
func (v *Voice) Present() error { return nil }

// Open begins to speak, from the beginning. deliver must not keep the samples;
// failed is never called.
func (v *Voice) Open(deliver func(samples []int16, arrived time.Time), failed func(error)) (io.Closer, error) {
	mono, err := decode(clip)
	if err != nil {
		return nil, fmt.Errorf("the built-in voice: %w", err)
	}
	s := &speaker{sound: spread(interpolate(mono, v.rate), v.channels), quit: make(chan struct{}), done: make(chan struct{})}
	go s.speak(v.rate*v.channels, v.channels, deliver)
	return s, nil
}

// speaker is one opening.
type speaker struct {
	sound      []int16
	quit, done chan struct{}
}

// Close ends the speech; nothing is delivered after it has returned.
func (s *speaker) Close() error {
	close(s.quit)
	<-s.done
	return nil
}

// speak delivers what a card would have captured since, no sample before its
// time.
func (s *speaker) speak(perSecond, channels int, deliver func([]int16, time.Time)) {
	defer close(s.done)
	tick := time.NewTicker(period)
	defer tick.Stop()
	began, said := time.Now(), 0
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
		}
		now := time.Now()
		due := int(now.Sub(began)*time.Duration(perSecond)/time.Second) / channels * channels
		for said < due {
			at := said % len(s.sound)
			n := min(due-said, len(s.sound)-at, perSecond)
			deliver(s.sound[at:at+n], now)
			said += n
		}
	}
}

// decode returns the clip's samples at clipRate, one channel.
func decode(file []byte) (samples []int16, err error) {
	d, err := opus.NewDecoder(clipRate, 1)
	if err != nil {
		return nil, err
	}
	pcm := make([]int16, clipRate*120/1000)
	var packet []byte
	for packets := 0; len(file) > 0; {
		page, rest, err := ogg.Parse(file)
		if err != nil {
			return nil, err
		}
		file = rest
		body := page.Body
		for _, n := range page.Lacing {
			packet, body = append(packet, body[:n]...), body[n:]
			if n == 255 {
				continue // the packet goes on
			}
			if packets++; packets > 2 { // behind the two headers
				n, err := d.Decode(packet, pcm)
				if err != nil {
					return nil, err
				}
				samples = append(samples, pcm[:n]...)
			}
			packet = packet[:0]
		}
	}
	if len(samples) <= ogg.PreSkip {
		return nil, errors.New("it holds no sound")
	}
	return slices.Clip(samples[ogg.PreSkip:]), nil
}

// interpolate changes the rate, from sample to sample in straight lines.
func interpolate(in []int16, rate int) []int16 {
	if rate == clipRate {
		return in
	}
	out := make([]int16, int64(len(in)-1)*int64(rate)/clipRate)
	for i := range out {
		at := int64(i) * clipRate
		k, f := at/int64(rate), at%int64(rate)
		a, b := int64(in[k]), int64(in[k+1])
		out[i] = int16(a + (b-a)*f/int64(rate))
	}
	return out
}

// spread gives every channel the same.
func spread(mono []int16, channels int) []int16 {
	if channels == 1 {
		return mono
	}
	out := make([]int16, 0, len(mono)*channels)
	for _, s := range mono {
		for range channels {
			out = append(out, s)
		}
	}
	return out
}
