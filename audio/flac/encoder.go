package flac

import (
	"fmt"

	mewkiz "github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// An Encoder writes the frames of one stream.
type Encoder struct {
	format
	encoder *mewkiz.Encoder
	out     sink
	left    []int32 // of one block
	right   []int32
}

// A sink appends what the library writes.
type sink struct{ dst []byte }

// Write wipes what it is given, which a Writer must not do: it is the library's own buffer, of
// which there is a new one for each frame, and the library would leave the sound in it. It sums a
// frame up before that is written, not after, or the sums would be wrong.
func (s *sink) Write(p []byte) (int, error) {
	s.dst = append(s.dst, p...)
	clear(p)
	return len(p), nil
}

// NewEncoder begins the stream of a recording with 16-bit samples.
func NewEncoder(id string, rate, channels int) (*Encoder, error) {
	f, err := newFormat(id, rate, channels)
	if err != nil {
		return nil, err
	}
	e := &Encoder{format: f, left: make([]int32, f.block), right: make([]int32, f.block)}
	info := &meta.StreamInfo{
		BlockSizeMin: uint16(f.block), BlockSizeMax: uint16(f.block),
		SampleRate: uint32(rate), NChannels: uint8(channels), BitsPerSample: depth,
	}
	if e.encoder, err = mewkiz.NewEncoder(&e.out, info); err != nil {
		return nil, fmt.Errorf("begin a FLAC stream: %w", err)
	}
	e.encoder.EnablePredictionAnalysis(true)
	e.out.dst = nil // its header, which has no room for our comment
	return e, nil
}

// Most is more than the frames of a second take in bytes, whatever the sound: the library stores
// what it can't predict as it is.
func (e *Encoder) Most() int {
	const frame = 32                  // its header and checksum, and more
	perSample := e.channels*depth + 1 // a difference of two channels needs a bit more
	return e.rate/e.block*frame + e.rate*perSample/8
}

// Block is how many samples of each channel a frame holds. It divides a second.
func (e *Encoder) Block() int { return e.block }

// Header is all that comes before the first frame.
func (e *Encoder) Header() []byte { return e.format.header(totals{}) }

// Frames appends samples, interleaved, as frames. Their number is a multiple of what a block holds,
// but at the very end of the stream.
func (e *Encoder) Frames(dst []byte, samples []int16) ([]byte, error) {
	e.out.dst = dst
	defer e.wipe()
	for len(samples) > 0 {
		n := min(len(samples), e.block*e.channels)
		if err := e.frame(samples[:n]); err != nil {
			return e.out.dst, fmt.Errorf("encode a FLAC frame: %w", err)
		}
		samples = samples[n:]
	}
	return e.out.dst, nil
}

// wipe leaves no samples lying about.
func (e *Encoder) wipe() {
	e.out.dst = nil
	clear(e.left)
	clear(e.right)
}

// frame has the library encode one block.
func (e *Encoder) frame(samples []int16) error {
	n := len(samples) / e.channels
	f := &frame.Frame{Header: frame.Header{
		HasFixedBlockSize: true, BlockSize: uint16(n), BitsPerSample: depth, Channels: frame.ChannelsMono,
	}}
	if rateCode(e.rate) != 0 {
		f.SampleRate = uint32(e.rate)
	}
	left, right := e.left[:n], e.right[:n]
	f.Subframes = []*frame.Subframe{subframe(left)}
	if e.channels == 1 {
		for i := range left {
			left[i] = int32(samples[i])
		}
		return e.encoder.WriteFrame(f)
	}
	for i := range left {
		left[i], right[i] = int32(samples[2*i]), int32(samples[2*i+1])
	}
	f.Subframes = append(f.Subframes, subframe(right))
	f.Channels = cheapest(left, right)
	return e.encoder.WriteFrame(f)
}

// subframe is one channel's, for which the library chooses a predictor.
func subframe(samples []int32) *frame.Subframe {
	return &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: samples, NSamples: len(samples)}
}

// cheapest chooses how to store two channels, which the library leaves to its caller: by the sum of
// the second differences. A dead channel is cheap as it is, two that say the same as their
// difference.
func cheapest(left, right []int32) frame.Channels {
	var sum [4]int64 // of left, right, their middle and their difference
	var before, last [4]int32
	for i := range left {
		l, r := left[i], right[i]
		now := [4]int32{l, r, (l + r) >> 1, l - r}
		for k, x := range now {
			d := int64(x) - 2*int64(last[k]) + int64(before[k])
			sum[k] += max(d, -d)
		}
		before, last = last, now
	}
	best, least := frame.ChannelsLR, sum[0]+sum[1]
	for _, c := range []struct {
		how  frame.Channels
		cost int64
	}{{frame.ChannelsLeftSide, sum[0] + sum[3]}, {frame.ChannelsSideRight, sum[1] + sum[3]},
		{frame.ChannelsMidSide, sum[2] + sum[3]}} {
		if c.cost < least {
			best, least = c.how, c.cost
		}
	}
	return best
}
