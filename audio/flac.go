package audio

import (
	"tacet/audio/flac"
	"tacet/audio/locked"
)

// flacCodec encodes without loss, in frames that divide a second.
type flacCodec struct {
	encoder *flac.Encoder
	memory  []byte // locked
	current []byte // the frames of the current second, in memory
}

func newFLAC(f Format) (*flacCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	e, err := flac.NewEncoder(f.ID, f.Rate, f.Channels)
	if err != nil {
		return nil, err
	}
	memory, err := locked.New(e.MaxSecondBytes())
	return &flacCodec{encoder: e, memory: memory, current: memory[:0]}, err
}

func (c *flacCodec) unit() int { return c.encoder.Block() }

func (c *flacCodec) header(dst []byte) []byte { return append(dst, c.encoder.Header()...) }

func (c *flacCodec) add(samples []int16) (err error) {
	c.current, err = c.encoder.Frames(c.current, samples)
	return err
}

func (c *flacCodec) flush(dst []byte) []byte {
	dst = append(dst, c.current...)
	clear(c.current)
	c.current = c.current[:0]
	return dst
}

func (c *flacCodec) end(dst []byte, samples []int16) ([]byte, error) {
	if err := c.add(samples); err != nil {
		return nil, err
	}
	return c.flush(dst), nil
}

func (c *flacCodec) release() error {
	memory := c.memory
	c.memory, c.current = nil, nil
	return locked.Free(memory)
}
