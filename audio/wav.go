package audio

import (
	"encoding/binary"
	"fmt"

	"tacet/audio/wav"
)

// wavCodec writes samples as they are.
type wavCodec struct {
	rate, channels int
	running        []byte // of the second
}

func newWAV(f Format) (*wavCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	return &wavCodec{rate: f.Rate, channels: f.Channels}, nil
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

// unit is a hundredth of a second, or whatever part of it is a whole number of frames.
func (c *wavCodec) unit() int {
	for n := c.rate / 100; ; n-- {
		if c.rate%n == 0 {
			return n
		}
	}
}

func (c *wavCodec) add(samples []int16) (err error) {
	c.running, err = binary.Append(c.running, binary.LittleEndian, samples)
	return err
}

func (c *wavCodec) second(dst []byte) []byte {
	dst = append(dst, c.running...)
	clear(c.running) // no samples are left lying about
	c.running = c.running[:0]
	return dst
}

func (c *wavCodec) end(dst []byte, samples []int16) ([]byte, error) {
	return binary.Append(c.second(dst), binary.LittleEndian, samples)
}
