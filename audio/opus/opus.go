// Package opus wraps libopus's encoder. The encoder's state holds the most recent sound, so it is
// in locked memory. Package decode wraps the decoder, which the unit does not need.
//
// Sound may also remain on the stack of the thread that encodes, until something overwrites it:
// libopus works there, and we can't prevent that.
package opus

/*
#cgo pkg-config: opus
#cgo noescape opus_encode
#cgo nocallback opus_encode
#include <opus.h>

static int set(OpusEncoder *e, int request, opus_int32 value) { return opus_encoder_ctl(e, request, value); }
static int lookahead(OpusEncoder *e, opus_int32 *value) { return opus_encoder_ctl(e, OPUS_GET_LOOKAHEAD(value)); }
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"

	"tacet/audio/locked"
)

// An Application is what libopus optimises for.
type Application int

const (
	VoIP     = Application(C.OPUS_APPLICATION_VOIP)
	Audio    = Application(C.OPUS_APPLICATION_AUDIO)
	LowDelay = Application(C.OPUS_APPLICATION_RESTRICTED_LOWDELAY)
)

// A Bandwidth is the widest audio bandwidth to encode.
type Bandwidth int

const (
	Wideband      = Bandwidth(C.OPUS_BANDWIDTH_WIDEBAND)      // 8 kHz
	SuperWideband = Bandwidth(C.OPUS_BANDWIDTH_SUPERWIDEBAND) // 12 kHz
	Fullband      = Bandwidth(C.OPUS_BANDWIDTH_FULLBAND)      // 20 kHz
)

// A Signal is a hint about the sound.
type Signal int

const (
	Auto  = Signal(C.OPUS_AUTO)
	Voice = Signal(C.OPUS_SIGNAL_VOICE)
	Music = Signal(C.OPUS_SIGNAL_MUSIC)
)

// Settings configure an Encoder. The bit rate is constant, also in pauses, so that all packets of
// one duration have the same size.
type Settings struct {
	Rate        int // 8000, 12000, 16000, 24000 or 48000
	Channels    int // 1 or 2
	Application Application
	Bandwidth   Bandwidth
	Signal      Signal
	Complexity  int // 0 to 10
	Bitrate     int // bits per second
}

// An Encoder is for one goroutine and one recording.
type Encoder struct {
	memory   []byte // locked; nil after Close
	channels int
}

// NewEncoder returns an encoder. The caller must close it.
func NewEncoder(s Settings) (*Encoder, error) {
	size := C.opus_encoder_get_size(C.int(s.Channels))
	if size <= 0 {
		return nil, fmt.Errorf("set up libopus: %d channels", s.Channels)
	}
	memory, err := locked.New(int(size))
	if err != nil {
		return nil, err
	}
	e := &Encoder{memory: memory, channels: s.Channels}
	if err := e.set(s); err != nil {
		return nil, errors.Join(fmt.Errorf("set up libopus: %w", err), e.Close())
	}
	return e, nil
}

func (e *Encoder) state() *C.OpusEncoder { return (*C.OpusEncoder)(unsafe.Pointer(&e.memory[0])) }

func (e *Encoder) set(s Settings) error {
	if err := failure(C.opus_encoder_init(e.state(), C.opus_int32(s.Rate), C.int(s.Channels),
		C.int(s.Application))); err != nil {
		return err
	}
	for _, c := range []struct{ request, value int }{
		{C.OPUS_SET_VBR_REQUEST, 0}, {C.OPUS_SET_DTX_REQUEST, 0}, {C.OPUS_SET_INBAND_FEC_REQUEST, 0},
		{C.OPUS_SET_COMPLEXITY_REQUEST, s.Complexity}, {C.OPUS_SET_BITRATE_REQUEST, s.Bitrate},
		{C.OPUS_SET_MAX_BANDWIDTH_REQUEST, int(s.Bandwidth)}, {C.OPUS_SET_SIGNAL_REQUEST, int(s.Signal)},
	} {
		if err := failure(C.set(e.state(), C.int(c.request), C.opus_int32(c.value))); err != nil {
			return fmt.Errorf("request %d with %d: %w", c.request, c.value, err)
		}
	}
	return nil
}

// Lookahead is the delay of the encoder, in frames.
func (e *Encoder) Lookahead() (int, error) {
	var n C.opus_int32
	err := failure(C.lookahead(e.state(), &n))
	return int(n), err
}

// Encode encodes interleaved samples of one of Opus's frame durations and fills the packet, which
// must have the size that follows from the bit rate.
func (e *Encoder) Encode(samples []int16, packet []byte) error {
	switch {
	case e.memory == nil:
		return errors.New("encode with libopus: the encoder is closed")
	case len(samples) == 0 || len(samples)%e.channels != 0 || len(packet) == 0:
		return fmt.Errorf("encode with libopus: %d samples of %d channels into %d bytes", len(samples), e.channels,
			len(packet))
	}
	n := C.opus_encode(e.state(), (*C.opus_int16)(unsafe.Pointer(&samples[0])), C.int(len(samples)/e.channels),
		(*C.uchar)(unsafe.Pointer(&packet[0])), C.opus_int32(len(packet)))
	if err := failure(C.int(min(n, 0))); err != nil {
		return fmt.Errorf("encode with libopus: %w", err)
	}
	if int(n) != len(packet) {
		return fmt.Errorf("encode with libopus: a packet of %d bytes instead of %d", n, len(packet))
	}
	return nil
}

// Close wipes and frees the encoder's state. A second Close does nothing.
func (e *Encoder) Close() error {
	memory := e.memory
	e.memory = nil
	return locked.Free(memory)
}

// failure is the error for a return code of libopus.
func failure(code C.int) error {
	if code == C.OPUS_OK {
		return nil
	}
	return errors.New(C.GoString(C.opus_strerror(code)))
}
