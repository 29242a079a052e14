// Package flac writes and checks FLAC streams that can be cut into seconds. It is pure Go; what is
// FLAC in it is github.com/mewkiz/flac's.
//
// An [Encoder] has the library choose among FLAC's fixed predictors. The block length divides the
// sampling rate, so that each second is a whole number of frames. What it writes is lossless; the
// tests hold it against other decoders.
//
// A [Joiner] puts the segments of a recording together at a desk. It decodes each frame, takes only
// the one with the next number and with checksums that are right, and puts into the header what
// only a finished file knows: the length, and the MD5 of the samples, by which decoders check
// themselves. It needs memory for a second of samples, and no more, whatever its input is.
//
// Neither is for several goroutines at once. The format is RFC 9639.
package flac
