package audio

import (
	"encoding/binary"
	"fmt"

	"tacet/audio/wav"
)

// wavCodec writes samples as they are.
type wavCodec struct{ rate, channels int }

func newWAV(f Format) (*wavCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	return &wavCodec{f.Rate, f.Channels}, nil
}

// checkRate refuses what no card has.
func checkRate(rate int) error {
	if rate < 8000 || rate > 192000 {
		return fmt.Errorf("%d Hz: there can be 8000 to 192000", rate)
	}
	return nil
}

func (c *wavCodec) begin(dst []byte) []byte {
	return append(dst, wav.Header(c.rate, c.channels, wav.Unknown)...)
}

func (c *wavCodec) second(dst []byte, samples []int16) ([]byte, error) {
	return binary.Append(dst, binary.LittleEndian, samples)
}

func (c *wavCodec) end(dst []byte, samples []int16) ([]byte, error) { return c.second(dst, samples) }
