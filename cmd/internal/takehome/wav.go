package takehome

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/pion/opus"

	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording/visit"
)

// wavRate is the rate of the WAV file: speech needs no more, and an hour is 115 MB.
const wavRate = 16_000

// WAV writes the sound of a copy in Opus, decoded. Decoders differ in the last bit, and so the proof
// can't cover it: the office vouches for it.
func WAV(w io.Writer, c *visit.Copy) error {
	t := c.Track()
	decoder, err := opus.NewDecoderWithOutput(wavRate, t.Channels)
	if err != nil {
		return fmt.Errorf("write %s: %w", WAVName, err)
	}
	const third = ogg.Rate / wavRate
	skip, left := ogg.PreSkip/third, t.Heard()/third
	if _, err := w.Write(wav.Header(wavRate, t.Channels, left*int64(t.Channels)*2)); err != nil {
		return err
	}
	samples := make([]int16, wavRate*t.Channels*120/1000) // the longest packet
	return c.Packets(func(packets [][]byte) error {
		var out []byte
		for _, p := range packets {
			n, err := decode(&decoder, p, samples)
			if err != nil {
				return fmt.Errorf("write %s: decode the sound: %w", WAVName, err)
			}
			from := min(skip, n)
			to := from + int(min(int64(n-from), left))
			skip, left = skip-from, left-int64(to-from)
			for _, v := range samples[from*t.Channels : to*t.Channels] {
				out = binary.LittleEndian.AppendUint16(out, uint16(v))
			}
		}
		_, err := w.Write(out)
		return err
	})
}

// decode decodes a packet. It recovers from a panic of the library: the packet is somebody's.
func decode(d *opus.Decoder, packet []byte, samples []int16) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return d.DecodeToInt16(packet, samples)
}
