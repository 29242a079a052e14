package audio

import (
	"errors"
	"fmt"

	"tacet/audio/locked"
	"tacet/audio/ogg"
	"tacet/audio/opus"
)

// Cheap settings of libopus under which, at 48 kbit/s, speech in a room is understood no worse than
// from opusenc as it comes at 32 kbit/s, which takes six times as long, and no part of the spectrum
// up to 12 kHz is worse: audiotest/quality measures both. Above complexity 6 the encoder analyses
// what it hears, and that is what costs.
const (
	opusApplication = opus.Audio
	opusComplexity  = 5
	opusFrames      = 50 // packets a second: 20 ms each
)

// opusBandwidth is what is kept of the sound. Fricatives reach up to 12 kHz, and people who hear
// badly need them. Only where there are too few bits to keep even what lies below 8 kHz is that
// all. A second channel costs half as much as the first, with which it has much in common.
func opusBandwidth(bitrate, channels int) opus.Bandwidth {
	switch each := bitrate * 2 / (1 + channels); {
	case each < 32000:
		return opus.Wideband
	case each < 64000:
		return opus.SuperWideband
	default:
		return opus.Fullband
	}
}

// opusCodec encodes with a constant bitrate and no pauses in transmission: each packet has the same
// size.
type opusCodec struct {
	encoder  *opus.Encoder
	stream   *ogg.Stream
	headers  []byte
	memory   []byte  // locked; it holds tail, packet and the stream's page
	tail     []int16 // a packet's samples, of all channels, at the very end
	packet   []byte  // of the size that each packet has
	channels int
	scale    int64 // samples at 48 kHz for each frame
	granule  int64 // where the last full page ended
	running  int64 // packets on the page since
}

func newOpus(f Format) (*opusCodec, error) {
	switch f.Rate {
	case 8000, 12000, 16000, 24000, 48000:
	default:
		return nil, fmt.Errorf("%d Hz: Opus takes 8000, 12000, 16000, 24000 or 48000", f.Rate)
	}
	size := f.Bitrate / 8 / opusFrames
	if size < 15 || size > 640 {
		return nil, fmt.Errorf("%d bit/s: there can be 6000 to 256000", f.Bitrate)
	}
	enc, err := opus.NewEncoder(opus.Settings{
		Rate: f.Rate, Channels: f.Channels, Application: opusApplication, Bandwidth: opusBandwidth(f.Bitrate, f.Channels),
		Signal: opus.Auto, Complexity: opusComplexity, Bitrate: size * 8 * opusFrames,
	})
	if err != nil {
		return nil, err
	}
	const page = opusFrames + 1 // packets, at most: the last page has the silence too that libopus is late by
	frame := f.Rate / opusFrames * f.Channels
	memory, err := locked.New(2*frame + size + page*size)
	if err != nil {
		return nil, errors.Join(err, enc.Close())
	}
	c := &opusCodec{
		encoder: enc, memory: memory, tail: locked.Samples(memory[:2*frame]), packet: memory[2*frame:][:size],
		channels: f.Channels, scale: int64(ogg.Rate / f.Rate),
	}
	c.stream, c.headers = ogg.NewStream(f.ID, ogg.Head{Channels: f.Channels, PreSkip: ogg.PreSkip, Rate: f.Rate})
	c.stream.Hold(memory[2*frame+size:])
	return c, nil
}

func (c *opusCodec) begin(dst []byte) []byte { return append(dst, c.headers...) }

func (c *opusCodec) unit() int { return len(c.tail) / c.channels }

func (c *opusCodec) add(samples []int16) error {
	if err := c.encoder.Encode(samples, c.packet); err != nil {
		return err
	}
	c.stream.Packet(c.packet)
	c.running++
	return nil
}

func (c *opusCodec) second(dst []byte) []byte {
	clear(c.packet)
	c.granule, c.running = c.granule+ogg.Rate, 0
	return c.stream.Page(dst, 0, c.granule)
}

// end adds as much silence as libopus is late by, and rounds up to whole packets: the page's
// granule says where to stop.
func (c *opusCodec) end(dst []byte, samples []int16) ([]byte, error) {
	at := c.granule + c.running*ogg.Rate/opusFrames + int64(len(samples)/c.channels)*c.scale
	for need := len(samples) + ogg.PreSkip/int(c.scale)*c.channels; need > 0; need -= len(c.tail) {
		clear(c.tail[copy(c.tail, samples):])
		samples = nil
		if err := c.add(c.tail); err != nil {
			return nil, err
		}
	}
	return c.stream.Page(dst, ogg.Last, at+ogg.PreSkip), nil
}

func (c *opusCodec) release() error {
	memory := c.memory
	c.memory, c.tail, c.packet, c.stream = nil, nil, nil, nil
	return errors.Join(c.encoder.Close(), locked.Free(memory))
}
