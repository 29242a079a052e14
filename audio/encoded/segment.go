// Package encoded holds what an encoder produces: the segments of an audio file. It needs no C, so
// that code without a sound card can name the type.
package encoded

// A Segment is one second of a recording, encoded. Concatenated, a recording's segments are one
// valid file: the first starts with its headers, the last ends with its end mark. Except for the
// first and the last, all segments of an Opus or WAV recording have the same size, so that sizes
// don't reveal how loud it was.
type Segment struct {
	Data    []byte // audio in clear, owned by the receiver, who clears it after sealing
	First   int64  // the segment's first frame, counted from the start of the recording
	Samples int64  // the number of frames in it
}
