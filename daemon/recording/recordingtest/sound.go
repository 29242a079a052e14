package recordingtest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"sync"

	"tacet/audio/flac"
	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
)

// Sound returns a segment's content as an encoder makes it: full second n of total, counted from 1,
// with the file's headers in the first.
func Sound(a recording.Audio, id string, n, total int) []byte {
	switch a.Codec {
	case "opus":
		return opusSound(a, id, n, total)
	case "flac":
		return flacSound(a, id, n)
	default:
		return wavSound(a, n)
	}
}

// Tone returns second n of a tone that rises each second.
func Tone(a recording.Audio, n int) []int16 {
	samples := make([]int16, 0, a.Rate*a.Channels)
	for i := range a.Rate {
		v := int16(8000 * math.Sin(2*math.Pi*float64(200+10*n)*float64(i)/float64(a.Rate)))
		for range a.Channels {
			samples = append(samples, v)
		}
	}
	return samples
}

func wavSound(a recording.Audio, n int) []byte {
	var b []byte
	if n == 1 {
		b = wav.Header(a.Rate, a.Channels, wav.Unknown)
	}
	for _, v := range Tone(a, n) {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// flacMade caches what flacSound has made: frames are numbered, so a second can only be encoded
// after all those before it.
var flacMade = struct {
	sync.Mutex
	encoders map[string]*flac.Encoder // guarded by Mutex, like seconds
	seconds  map[string][][]byte
}{encoders: map[string]*flac.Encoder{}, seconds: map[string][][]byte{}}

// flacSound encodes up to second n.
func flacSound(a recording.Audio, id string, n int) []byte {
	flacMade.Lock()
	defer flacMade.Unlock()
	key := fmt.Sprint(a, id)
	encoder, made := flacMade.encoders[key], flacMade.seconds[key]
	for len(made) < n {
		var b []byte
		var err error
		if encoder == nil {
			if encoder, err = flac.NewEncoder(id, a.Rate, a.Channels); err != nil {
				panic(err)
			}
			b = encoder.Header()
		}
		if b, err = encoder.Frames(b, Tone(a, len(made)+1)); err != nil {
			panic(err)
		}
		made = append(made, b)
	}
	flacMade.encoders[key], flacMade.seconds[key] = encoder, made
	return bytes.Clone(made[n-1])
}

// opusSound returns a second of silence: a page of 50 Opus packets.
func opusSound(a recording.Audio, id string, n, total int) []byte {
	var b []byte
	if n == 1 {
		_, b = ogg.NewStream(id, ogg.Head{Channels: a.Channels, PreSkip: ogg.PreSkip, Rate: a.Rate})
	}
	const fullband = 31 << 3 // CELT, 20 ms
	page := ogg.Page{Serial: ogg.Serial(id), Sequence: uint32(n) + 1, Granule: int64(n) * ogg.Rate}
	if n == total {
		page.Flags = ogg.Last
	}
	for range 50 {
		page.Body = append(page.Body, fullband|byte(a.Channels-1)<<2, 0xff, 0xfe)
		page.Lacing = append(page.Lacing, 3)
	}
	return page.Append(b)
}
