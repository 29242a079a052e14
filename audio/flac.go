package audio

import (
	"tacet/audio/flac"
	"tacet/audio/locked"
)

// flacCodec writes samples without loss, in frames that divide a second.
type flacCodec struct {
	encoder *flac.Encoder
	memory  []byte // locked
	running []byte // the second's frames, in memory
}

func newFLAC(f Format) (*flacCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	e, err := flac.NewEncoder(f.ID, f.Rate, f.Channels)
	if err != nil {
		return nil, err
	}
	memory, err := locked.New(e.Most())
	return &flacCodec{encoder: e, memory: memory, running: memory[:0]}, err
}

func (c *flacCodec) unit() int { return c.encoder.Block() }

func (c *flacCodec) begin(dst []byte) []byte { return append(dst, c.encoder.Header()...) }

func (c *flacCodec) add(samples []int16) (err error) {
	c.running, err = c.encoder.Frames(c.running, samples)
	return err
}

func (c *flacCodec) second(dst []byte) []byte {
	dst = append(dst, c.running...)
	clear(c.running)
	c.running = c.running[:0]
	return dst
}

func (c *flacCodec) end(dst []byte, samples []int16) ([]byte, error) {
	if err := c.add(samples); err != nil {
		return nil, err
	}
	return c.second(dst), nil
}

func (c *flacCodec) release() error {
	memory := c.memory
	c.memory, c.running = nil, nil
	return locked.Free(memory)
}
