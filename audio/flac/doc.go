// Package flac writes and checks FLAC streams that can be cut into seconds. It is pure Go.
//
// An [Encoder] is small and cheap: fixed predictors and Rice codes, which is what FLAC's fastest settings use. The block
// length divides the sampling rate, so that each second is a whole number of frames. What it writes is lossless; the tests hold it
// against two other decoders.
//
// A [Joiner] puts the segments of a recording together at a desk. It takes frames only where both checksums are right and the
// frame's number is the next one, decodes nothing, and needs no more memory than its input is long.
//
// The format is RFC 9639.
package flac
