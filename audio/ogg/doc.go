// Package ogg writes, checks and mends the Ogg Opus stream of a recording. It is pure Go and knows
// nothing of sound.
//
// On the unit a [Stream] puts packets into pages, one page a second. At a desk a [Joiner] takes the
// segments of a recording, one by one and in order, and gives back the file:
//
//	j := ogg.NewJoiner(id, rate, channels)
//	for each segment {
//		out, err := j.Add(segment)	// or j.Skip(), for one that is lost
//		…
//	}
//	out, err := j.Finish()
//
// It refuses a page of any other recording, and one out of its place, by four marks: the serial
// number, which is the first four bytes of the SHA-256 of the recording's ID, big-endian; the tag
// TACET_ID, which holds the ID; the page sequence; and the granule positions, which have to agree
// with the length of the packets. All of these only help to find mistakes: what keeps a forger out
// is the signature over the segments.
//
// Any input, however hostile, costs no more memory than its own size.
//
// The formats are RFC 3533 (Ogg), RFC 7845 (Opus in Ogg) and RFC 6716 (Opus).
package ogg
