package audio

import "tacet/audio/flac"

// flacCodec writes samples without loss, in frames that divide a second.
type flacCodec struct {
	encoder *flac.Encoder
	running []byte // the second's frames
}

func newFLAC(f Format) (*flacCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	e, err := flac.NewEncoder(f.ID, f.Rate, f.Channels)
	return &flacCodec{encoder: e}, err
}

func (c *flacCodec) unit() int { return c.encoder.Block() }

func (c *flacCodec) begin(dst []byte) []byte { return append(dst, c.encoder.Header()...) }

func (c *flacCodec) add(samples []int16) (err error) {
	c.running, err = c.encoder.Frames(c.running, samples)
	return err
}

func (c *flacCodec) second(dst []byte) []byte {
	dst = append(dst, c.running...)
	clear(c.running) // no sound is left lying about
	c.running = c.running[:0]
	return dst
}

func (c *flacCodec) end(dst []byte, samples []int16) ([]byte, error) {
	return c.encoder.Frames(c.second(dst), samples)
}
