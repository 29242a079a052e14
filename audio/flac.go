package audio

import "tacet/audio/flac"

// flacCodec writes samples without loss, in frames that divide a second.
type flacCodec struct{ encoder *flac.Encoder }

func newFLAC(f Format) (*flacCodec, error) {
	if err := checkRate(f.Rate); err != nil {
		return nil, err
	}
	e, err := flac.NewEncoder(f.ID, f.Rate, f.Channels)
	return &flacCodec{e}, err
}

func (c *flacCodec) begin(dst []byte) []byte { return append(dst, c.encoder.Header()...) }

func (c *flacCodec) second(dst []byte, samples []int16) ([]byte, error) {
	return c.encoder.Frames(dst, samples), nil
}

func (c *flacCodec) end(dst []byte, samples []int16) ([]byte, error) { return c.second(dst, samples) }
