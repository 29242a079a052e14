package flac

import (
	"fmt"

	mewkiz "github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// An Encoder encodes the frames of one stream.
type Encoder struct {
	format
	encoder *mewkiz.Encoder
	out     sink
	left    []int32 // one block
	right   []int32
}

// A sink collects what the library writes.
type sink struct{ dst []byte }

// Write wipes p, which a Writer must not do. p is a buffer that the library allocates for each
// frame, and would leave the sound in. The library has computed the frame's checksum before it
// writes.
func (s *sink) Write(p []byte) (int, error) {
	s.dst = append(s.dst, p...)
	clear(p)
	return len(p), nil
}

// NewEncoder starts the stream of a recording with 16-bit samples.
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
		return nil, fmt.Errorf("start a FLAC stream: %w", err)
	}
	e.encoder.EnablePredictionAnalysis(true)
	e.out.dst = nil // the library's header, without our comment
	return e, nil
}

// MaxSecondBytes is an upper bound, in bytes, for the frames of a second: the library stores what it can't
// predict uncompressed.
func (e *Encoder) MaxSecondBytes() int {
	const frame = 32                  // header and checksum, generously
	perSample := e.channels*depth + 1 // a difference of two channels needs a bit more
	return e.rate/e.block*frame + e.rate*perSample/8
}

// Block is the number of samples per channel in a frame. It divides a second.
func (e *Encoder) Block() int { return e.block }

// Header returns everything before the first frame.
func (e *Encoder) Header() []byte { return e.format.header(totals{}) }

// Frames appends interleaved samples as frames. Only at the end of the stream may the last block be
// shorter.
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

// wipe clears the samples of the last block.
func (e *Encoder) wipe() {
	e.out.dst = nil
	clear(e.left)
	clear(e.right)
}

// frame encodes one block.
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

// subframe holds one channel; the library chooses a predictor for it.
func subframe(samples []int32) *frame.Subframe {
	return &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, Samples: samples, NSamples: len(samples)}
}

// cheapest chooses how to store two channels, by the sum of their second differences; the library
// leaves that to its caller. A dead channel is cheap by itself, two similar ones as their
// difference.
func cheapest(left, right []int32) frame.Channels {
	var sum [4]int64 // of left, right, mid and side
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
