package audio

import (
	"fmt"

	"github.com/hraban/opus"

	"tacet/audio/ogg"
)

// A cheap setting of libopus under which speech in a room is understood no worse than from opusenc as it comes, which takes
// seven times as long: audiotest/quality measures both. Below complexity 7 the encoder doesn't analyse what it hears; and at a low
// bitrate it leaves out what lies above 8 kHz, for the sake of what lies below.
const (
	opusApplication = opus.AppAudio
	opusComplexity  = 5
	opusFrames      = 50 // packets a second: 20 ms each
)

// opusBandwidth is what is kept of the sound at so many bits a second for each channel.
func opusBandwidth(bitrate int) opus.Bandwidth {
	switch {
	case bitrate < 48000:
		return opus.Wideband
	case bitrate < 64000:
		return opus.SuperWideband
	default:
		return opus.Fullband
	}
}

// opusCodec encodes with a constant bitrate and no pauses in transmission: each packet has the same size.
type opusCodec struct {
	encoder  *opus.Encoder
	stream   *ogg.Stream
	headers  []byte
	packet   []byte // of the size that each packet has
	frame    int    // samples in a packet, of all channels
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
	enc, err := opus.NewEncoder(f.Rate, f.Channels, opusApplication)
	if err != nil {
		return nil, err
	}
	for _, err := range []error{
		enc.SetVBR(false), enc.SetDTX(false), enc.SetInBandFEC(false), enc.SetComplexity(opusComplexity), enc.SetBitrate(size * 8 * opusFrames),
		enc.SetMaxBandwidth(opusBandwidth(f.Bitrate / f.Channels)),
	} {
		if err != nil {
			return nil, fmt.Errorf("set up libopus: %w", err)
		}
	}
	c := &opusCodec{
		encoder: enc, packet: make([]byte, size), frame: f.Rate / opusFrames * f.Channels, channels: f.Channels, scale: int64(ogg.Rate / f.Rate),
	}
	c.stream, c.headers = ogg.NewStream(f.ID, ogg.Head{Channels: f.Channels, PreSkip: ogg.PreSkip, Rate: f.Rate})
	return c, nil
}

func (c *opusCodec) begin(dst []byte) []byte { return append(dst, c.headers...) }

func (c *opusCodec) unit() int { return c.frame / c.channels }

func (c *opusCodec) add(samples []int16) error {
	for ; len(samples) > 0; samples = samples[c.frame:] {
		n, err := c.encoder.Encode(samples[:c.frame], c.packet)
		if err != nil {
			return err
		}
		if n != len(c.packet) {
			return fmt.Errorf("libopus made a packet of %d bytes instead of %d", n, len(c.packet))
		}
		c.stream.Packet(c.packet)
		c.running++
	}
	return nil
}

func (c *opusCodec) second(dst []byte) []byte {
	c.granule, c.running = c.granule+ogg.Rate, 0
	return c.stream.Page(dst, 0, c.granule)
}

// end adds as much silence as libopus is late by, and rounds up to whole packets: the page's granule says where to stop.
func (c *opusCodec) end(dst []byte, samples []int16) ([]byte, error) {
	at := c.granule + c.running*ogg.Rate/opusFrames + int64(len(samples)/c.channels)*c.scale
	need := len(samples) + ogg.PreSkip/int(c.scale)*c.channels
	last := make([]int16, (need+c.frame-1)/c.frame*c.frame)
	copy(last, samples)
	defer clear(last)
	if err := c.add(last); err != nil {
		return nil, err
	}
	return c.stream.Page(dst, ogg.Last, at+ogg.PreSkip), nil
}
