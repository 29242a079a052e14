package recordingtest

import (
	"encoding/binary"
	"math"

	"tacet/daemon/recording"
)

// Sound is a segment's content as an encoder gives it: segment n of total, from
// 1, with the codec's headers in the first.
func Sound(a recording.Audio, id string, n, total int) []byte {
	switch a.Codec {
	default:
		return wavSound(a, n)
	}
}

// wavSound is a second of a tone that rises with each second.
func wavSound(a recording.Audio, n int) []byte {
	var b []byte
	if n == 1 {
		b = WAVHeader(a, math.MaxUint32)
	}
	for i := range a.Rate {
		v := int16(8000 * math.Sin(2*math.Pi*float64(200+10*n)*float64(i)/float64(a.Rate)))
		for range a.Channels {
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
	}
	return b
}

// WAVHeader is the header of 16-bit samples, with the length of what follows;
// math.MaxUint32 where it isn't known yet.
func WAVHeader(a recording.Audio, data uint32) []byte {
	le := binary.LittleEndian
	frame := 2 * a.Channels
	riff := data
	if data != math.MaxUint32 {
		riff += 36
	}
	b := append([]byte("RIFF"), 0, 0, 0, 0)
	le.PutUint32(b[4:], riff)
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, uint16(a.Channels))
	b = le.AppendUint32(b, uint32(a.Rate))
	b = le.AppendUint32(b, uint32(a.Rate*frame))
	b = le.AppendUint16(b, uint16(frame))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, data)
}
