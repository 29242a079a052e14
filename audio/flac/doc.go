// Package flac writes and checks FLAC streams that can be cut into seconds. It is pure Go and based
// on github.com/mewkiz/flac.
//
// An [Encoder] uses FLAC's fixed predictors. The block length divides the sample rate, so that each
// second is a whole number of frames. The tests check with other decoders that nothing is lost.
//
// A [Joiner] joins the segments of a recording at a desk. It decodes each frame, accepts only the
// next one in sequence with correct checksums, and completes the header: the length, and the MD5 of
// the samples, which decoders check. Whatever its input, it needs memory only for a second of
// samples.
//
// Neither is safe for concurrent use. The format is RFC 9639.
package flac
