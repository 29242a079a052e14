// Package decode wraps libopus's decoder for the demonstration and for tests. A unit never decodes
// what it has recorded.
package decode

/*
#cgo pkg-config: opus
#include <opus.h>
*/
import "C"

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"
)

// A Decoder is for one goroutine.
type Decoder struct {
	state    *C.OpusDecoder
	channels int
}

// New returns a decoder whose samples have a rate, whatever the packets hold.
func New(rate, channels int) (*Decoder, error) {
	var code C.int
	state := C.opus_decoder_create(C.opus_int32(rate), C.int(channels), &code)
	if code != C.OPUS_OK {
		return nil, fmt.Errorf("set up libopus to decode: %w", failure(code))
	}
	d := &Decoder{state, channels}
	runtime.AddCleanup(d, func(state *C.OpusDecoder) { C.opus_decoder_destroy(state) }, state)
	return d, nil
}

// Decode decodes a packet into interleaved samples and returns the number of frames.
func (d *Decoder) Decode(packet []byte, samples []int16) (int, error) {
	if len(packet) == 0 || len(samples) < d.channels {
		return 0, fmt.Errorf("decode Opus: %d bytes into %d samples", len(packet), len(samples))
	}
	n := C.opus_decode(d.state, (*C.uchar)(unsafe.Pointer(&packet[0])), C.opus_int32(len(packet)),
		(*C.opus_int16)(unsafe.Pointer(&samples[0])), C.int(len(samples)/d.channels), 0)
	runtime.KeepAlive(d)
	if n < 0 {
		return 0, fmt.Errorf("decode Opus: %w", failure(C.int(n)))
	}
	return int(n), nil
}

func failure(code C.int) error { return errors.New(C.GoString(C.opus_strerror(code))) }
