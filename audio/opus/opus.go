// Package opus is libopus's encoder, with its state in locked memory: that state holds the last of what it heard.
//
// Package decode holds the decoder, which the unit has no use for.
//
// Not in our hands is the stack of the thread that encodes: libopus works there, and what it leaves stays until something else
// overwrites it.
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

// An Application is what libopus takes the sound for.
type Application int

const (
	VoIP     = Application(C.OPUS_APPLICATION_VOIP)
	Audio    = Application(C.OPUS_APPLICATION_AUDIO)
	LowDelay = Application(C.OPUS_APPLICATION_RESTRICTED_LOWDELAY)
)

// A Bandwidth is the most of the sound that is kept.
type Bandwidth int

const (
	Wideband      = Bandwidth(C.OPUS_BANDWIDTH_WIDEBAND)      // 8 kHz
	SuperWideband = Bandwidth(C.OPUS_BANDWIDTH_SUPERWIDEBAND) // 12 kHz
	Fullband      = Bandwidth(C.OPUS_BANDWIDTH_FULLBAND)      // 20 kHz
)

// A Signal is what libopus is told that it hears.
type Signal int

const (
	Auto  = Signal(C.OPUS_AUTO)
	Voice = Signal(C.OPUS_SIGNAL_VOICE)
	Music = Signal(C.OPUS_SIGNAL_MUSIC)
)

// Settings are how sound is encoded. The bit rate is constant and nothing is left out in pauses, so that all packets of one duration
// have one size.
type Settings struct {
	Rate        int // 8000, 12000, 16000, 24000 or 48000
	Channels    int // 1 or 2
	Application Application
	Bandwidth   Bandwidth
	Signal      Signal
	Complexity  int // 0 to 10
	Bitrate     int // bits a second
}

// An Encoder is for one goroutine, and for one recording.
type Encoder struct {
	memory   []byte // locked; nil once it is closed
	channels int
}

// NewEncoder makes an encoder, which has to be closed.
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

// Lookahead is how many frames late the sound comes out.
func (e *Encoder) Lookahead() (int, error) {
	var n C.opus_int32
	err := failure(C.lookahead(e.state(), &n))
	return int(n), err
}

// Encode encodes samples, interleaved, of one of the durations that Opus has, into a packet. That packet has room for as many bytes as
// the bit rate gives, and all of them are used.
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

// Close wipes the encoder's state and gives its memory back. A second Close does nothing.
func (e *Encoder) Close() error {
	memory := e.memory
	e.memory = nil
	return locked.Free(memory)
}

// failure is what a function of libopus returned, as an error.
func failure(code C.int) error {
	if code == C.OPUS_OK {
		return nil
	}
	return errors.New(C.GoString(C.opus_strerror(code)))
}
