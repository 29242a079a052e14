// Package ogg writes, checks and repairs the Ogg Opus stream of a recording. It is pure Go and does
// not decode sound.
//
// On the unit a [Stream] puts packets into pages, one page per second. At a desk a [Joiner] takes
// the segments of a recording in order, and returns the file:
//
//	j := ogg.NewJoiner(id, rate, channels)
//	for each segment {
//		out, err := j.Add(segment)	// or j.Skip() for a lost one
//		…
//	}
//	out, err := j.Finish()
//
// It rejects a page that is out of place or of another recording, by four marks: the serial number,
// which is the first four bytes of the SHA-256 of the recording's ID, big-endian; the tag TACET_ID,
// which holds the ID; the page sequence; and the granule positions, which must agree with the
// length of the packets. These detect mistakes. Forgery is detected by the signature over the
// segments.
//
// No input costs more memory than its own size.
//
// The formats are RFC 3533 (Ogg), RFC 7845 (Opus in Ogg) and RFC 6716 (Opus).
package ogg
