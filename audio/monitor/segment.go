package monitor

// A Segment is a second of a recording, encoded. All of them, put together, are one valid file: the
// first begins with its headers, the last ends with its end mark. But for the first and the last,
// all segments of an Opus or WAV recording have the same size, so that sizes don't tell how loud it
// was.
//
// Data is sound in clear, in the receiver's own memory. Wipe it as soon as it has been sealed.
type Segment struct {
	Data    []byte
	First   int64 // the frame that it begins with, since the start of the recording
	Samples int64 // how many frames are in it
}

// Wipe makes an end of the sound. Whoever gets a segment calls it once the segment has been used,
// and also where it can't be.
func (s Segment) Wipe() { clear(s.Data) }
