package audio

import (
	"encoding/binary"
	"fmt"

	"tacet/audio/locked"
	"tacet/audio/wav"
)

// wavCodec writes samples unchanged.
type wavCodec struct {
	rate, channels int
	memory         []byte // locked: room for a second
	current        []byte // the current second, in memory
}

func newWAV(f Format) (*wavCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	memory, err := locked.New(f.Rate * f.Channels * 2)
	return &wavCodec{rate: f.Rate, channels: f.Channels, memory: memory, current: memory[:0]}, err
}

// checkRate rejects rates that no card has.
func checkRate(rate int) error {
	if rate < 8000 || rate > 192000 {
		return fmt.Errorf("%d Hz: the range is 8000 to 192000", rate)
	}
	return nil
}

func (c *wavCodec) header(dst []byte) []byte {
	return append(dst, wav.Header(c.rate, c.channels, wav.Unknown)...)
}

// unit is the greatest number of frames, 10 ms at most, that divides a second.
func (c *wavCodec) unit() int {
	for n := c.rate / 100; ; n-- {
		if c.rate%n == 0 {
			return n
		}
	}
}

func (c *wavCodec) add(samples []int16) (err error) {
	c.current, err = binary.Append(c.current, binary.LittleEndian, samples)
	return err
}

func (c *wavCodec) flush(dst []byte) []byte {
	dst = append(dst, c.current...)
	clear(c.current)
	c.current = c.current[:0]
	return dst
}

func (c *wavCodec) end(dst []byte, samples []int16) ([]byte, error) {
	if err := c.add(samples); err != nil {
		return nil, err
	}
	return c.flush(dst), nil
}

func (c *wavCodec) release() error {
	memory := c.memory
	c.memory, c.current = nil, nil
	return locked.Free(memory)
}
