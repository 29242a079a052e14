package audio

import (
	"errors"
	"fmt"

	"tacet/audio/locked"
	"tacet/audio/ogg"
	"tacet/audio/opus"
)

// The cheapest settings of libopus with which, at 48 kbit/s, speech in a room is as intelligible as
// with opusenc's defaults at 32 kbit/s, and no band up to 12 kHz is worse; opusenc takes six times
// the CPU time. The benchmark in cmd/tacet-demo/bench/quality measures this. Above complexity 6 the
// encoder analyses the sound, which is expensive.
const (
	opusApplication = opus.Audio
	opusComplexity  = 5
	opusPackets     = 50 // packets per second, of 20 ms each
)

// opusBandwidth is the bandwidth to keep. Fricatives reach up to 12 kHz, and people who are hard of
// hearing need them. Below 32 kbit/s there are only enough bits for 8 kHz. A second channel needs
// half as many as the first, since the two have much in common.
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

// opusCodec encodes with a constant bit rate and without discontinuous transmission, so that all
// packets have the same size.
type opusCodec struct {
	encoder  *opus.Encoder
	stream   *ogg.Stream
	headers  []byte
	memory   []byte  // locked: tail, packet and the stream's page
	tail     []int16 // the samples of a packet at the end of the recording
	packet   []byte  // the buffer for one packet
	channels int
	scale    int64 // samples at 48 kHz for each frame
	granule  int64 // granule position at the end of the last full page
	current  int64 // packets on the current page
}

func newOpus(f Format) (*opusCodec, error) {
	switch f.Rate {
	case 8000, 12000, 16000, 24000, 48000:
	default:
		return nil, fmt.Errorf("%d Hz: Opus allows 8000, 12000, 16000, 24000 or 48000", f.Rate)
	}
	size := f.Bitrate / 8 / opusPackets
	if size < 15 || size > 640 {
		return nil, fmt.Errorf("%d bit/s: the range is 6000 to 256000", f.Bitrate)
	}
	enc, err := opus.NewEncoder(opus.Settings{
		Rate: f.Rate, Channels: f.Channels, Application: opusApplication, Bandwidth: opusBandwidth(f.Bitrate, f.Channels),
		Signal: opus.Auto, Complexity: opusComplexity, Bitrate: size * 8 * opusPackets,
	})
	if err != nil {
		return nil, err
	}
	const page = opusPackets + 1 // the most packets: the last page also has the silence for the lookahead
	frame := f.Rate / opusPackets * f.Channels
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

func (c *opusCodec) header(dst []byte) []byte { return append(dst, c.headers...) }

func (c *opusCodec) unit() int { return len(c.tail) / c.channels }

func (c *opusCodec) add(samples []int16) error {
	if err := c.encoder.Encode(samples, c.packet); err != nil {
		return err
	}
	c.stream.Packet(c.packet)
	c.current++
	return nil
}

func (c *opusCodec) flush(dst []byte) []byte {
	clear(c.packet)
	c.granule, c.current = c.granule+ogg.Rate, 0
	return c.stream.Page(dst, 0, c.granule)
}

// end adds silence for libopus's lookahead and rounds up to whole packets. The page's granule
// position says where the sound ends.
func (c *opusCodec) end(dst []byte, samples []int16) ([]byte, error) {
	at := c.granule + c.current*ogg.Rate/opusPackets + int64(len(samples)/c.channels)*c.scale
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
