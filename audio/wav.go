package audio

import (
	"encoding/binary"
	"fmt"

	"tacet/audio/locked"
	"tacet/audio/wav"
)

// wavCodec writes samples as they are.
type wavCodec struct {
	rate, channels int
	memory         []byte // locked: room for a second
	running        []byte // of the second, in memory
}

func newWAV(f Format) (*wavCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	memory, err := locked.New(f.Rate * f.Channels * 2)
	return &wavCodec{rate: f.Rate, channels: f.Channels, memory: memory, running: memory[:0]}, err
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
	clear(c.running)
	c.running = c.running[:0]
	return dst
}

func (c *wavCodec) end(dst []byte, samples []int16) ([]byte, error) {
	if err := c.add(samples); err != nil {
		return nil, err
	}
	return c.second(dst), nil
}

func (c *wavCodec) release() error {
	memory := c.memory
	c.memory, c.running = nil, nil
	return locked.Free(memory)
}
