package audio

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"tacet/audio/encoded"
	"tacet/audio/locked"
	"tacet/audio/locked/lockedtest"
)

// formats lists each codec in mono and in stereo.
func formats() (list []Format) {
	for _, codec := range []string{"opus", "flac", "wav"} {
		for channels := 1; channels <= 2; channels++ {
			list = append(list, Format{Codec: codec, Rate: 48000, Channels: channels, Bitrate: 64000, ID: "7q4k9mz2ha"})
		}
	}
	return list
}

// noise has full scale, with one channel the inverse of the other: the worst case for a lossless
// codec.
func noise(seed uint64, f Format, frames int) []int16 {
	r := rand.New(rand.NewPCG(seed, 0))
	out := make([]int16, frames*f.Channels)
	for i := range out {
		if out[i] = int16(r.Uint32()); f.Channels == 2 && i%2 == 1 {
			out[i] = ^out[i-1]
		}
	}
	return out
}

// However Close and Release are combined, the locked memory is freed exactly once.
func TestAnEncoderGivesItsMemoryBack(t *testing.T) {
	for _, f := range formats() {
		for name, end := range map[string]func(Encoder) error{
			"end":              func(e Encoder) error { _, err := e.Close(); return err },
			"released":         func(e Encoder) error { e.Release(); return nil },
			"released twice":   func(e Encoder) error { e.Release(); e.Release(); return nil },
			"end and release":  func(e Encoder) error { _, err := e.Close(); e.Release(); return err },
			"release, and end": func(e Encoder) error { e.Release(); s, err := e.Close(); return errors.Join(none(s), err) },
		} {
			for _, frames := range []int{0, 1, 50000} {
				before := lockedtest.Bytes(t)
				e, err := NewEncoder(f)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := e.Encode(noise(1, f, frames)); err != nil {
					t.Fatal(err)
				}
				if lockedtest.Bytes(t) <= before {
					t.Errorf("%+v: nothing is locked", f)
				}
				if err := end(e); err != nil {
					t.Errorf("%+v, %s: %v", f, name, err)
				}
				if got := lockedtest.Bytes(t); got != before {
					t.Errorf("%+v, %s: %d bytes are locked instead of %d", f, name, got, before)
				}
				if s, err := e.Encode(noise(1, f, 48000)); err == nil || s != nil {
					t.Errorf("%+v, %s: it encodes after its end", f, name)
				}
			}
		}
	}
}

func none(s []encoded.Segment) error {
	if s != nil {
		return fmt.Errorf("%d segments", len(s))
	}
	return nil
}

func TestAFaultGivesTheMemoryBackToo(t *testing.T) {
	for _, f := range formats() {
		for _, during := range []string{"Encode", "Close"} {
			before := lockedtest.Bytes(t)
			e, err := NewEncoder(f)
			if err != nil {
				t.Fatal(err)
			}
			inner := e.(*encoder)
			inner.codec = &broken{inner.codec}
			if during == "Encode" {
				_, err = e.Encode(noise(1, f, 48000))
			} else {
				_, err = e.Close()
			}
			if !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%+v: %s: %v", f, during, err)
			}
			if got := lockedtest.Bytes(t); got != before {
				t.Errorf("%+v: a fault in %s: %d bytes are locked instead of %d", f, during, got, before)
			}
			if _, err := e.Encode(noise(1, f, 48000)); !errors.Is(err, io.ErrShortWrite) {
				t.Errorf("%+v: after a fault in %s, Encode: %v", f, during, err)
			}
			if s, err := e.Close(); !errors.Is(err, io.ErrShortWrite) || s != nil {
				t.Errorf("%+v: after a fault in %s, Close: %v", f, during, err)
			}
		}
	}
}

// broken is a codec that fails.
type broken struct{ codec }

func (*broken) add([]int16) error                   { return io.ErrShortWrite }
func (*broken) end([]byte, []int16) ([]byte, error) { return nil, io.ErrShortWrite }

// The current second is in locked memory, whatever the sound. If that memory were too small, it
// would be on the heap.
func TestTheRunningSecondIsLocked(t *testing.T) {
	for _, f := range formats() {
		for _, rate := range []int{8000, 16000, 22050, 44100, 48000, 96000} {
			if f.Rate = rate; f.Codec == "opus" && 48000%rate != 0 {
				continue
			}
			e, err := NewEncoder(f)
			if err != nil {
				t.Fatal(err)
			}
			inner := e.(*encoder)
			if _, err := e.Encode(noise(uint64(rate), f, rate-1)); err != nil { // all but the last unit
				t.Fatal(err)
			}
			within(t, fmt.Sprintf("%+v: the rest", f), locked.Samples(inner.memory), inner.rest)
			switch c := inner.codec.(type) {
			case *flacCodec:
				within(t, fmt.Sprintf("%+v: the running second", f), c.memory, c.current)
			case *wavCodec:
				within(t, fmt.Sprintf("%+v: the running second", f), c.memory, c.current)
			case *opusCodec:
				within(t, fmt.Sprintf("%+v: the page", f), c.memory, c.stream.Held())
			}
			list, err := e.Encode(noise(uint64(rate)+1, f, rate))
			if err != nil || len(list) != 1 {
				t.Fatalf("%+v: %d segments, %v", f, len(list), err)
			}
			if list, err = e.Encode(noise(uint64(rate)+2, f, rate)); err != nil || len(list) != 1 {
				t.Fatalf("%+v: %d segments, %v", f, len(list), err)
			}
			if c, ok := inner.codec.(*flacCodec); ok && len(list[0].Data) > len(c.memory) {
				t.Errorf("%+v: a second of %d bytes, and memory for %d", f, len(list[0].Data), len(c.memory))
			}
			if _, err := e.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func within[T any](t *testing.T, what string, memory, part []T) {
	t.Helper()
	if len(part) == 0 || cap(part) > cap(memory) {
		t.Errorf("%s: %d of %d", what, len(part), cap(part))
		return
	}
	if end := &memory[:cap(memory)][cap(memory)-1]; end != &part[:cap(part)][cap(part)-1] {
		t.Errorf("%s is not in the locked memory", what)
	}
}
