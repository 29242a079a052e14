package audio_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/audiotest"
)

func TestProbeOfTheMicrophone(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	mic := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler))
	quiet, err := mic.Probe(t.Context(), time.Second, nil)
	if err != nil || quiet.Frames == 0 || !quiet.Dead {
		t.Errorf("in a silent room: %+v, %v", quiet, err)
	}
	go room.Play(t.Context(), audiotest.Code(0, 20*48000))
	loud := quiet
	for loud.Dead && err == nil && t.Context().Err() == nil { // until it sounds
		loud, err = mic.Probe(t.Context(), time.Second, nil)
	}
	if err != nil || loud.Frames < 24000 || loud.Frames > 96000 {
		t.Errorf("where it sounds: %+v, %v", loud, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := mic.Probe(ctx, time.Hour, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("asked to end: %v", err)
	}
	// It is closed each time.
	c := openMic(t, mic, newTape())
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestOffers(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	const all = "8000, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000"
	if got, err := audio.Offers(t.Context(), audiotest.Device); err != nil ||
		got != "channels = 1: rate = "+all+"; channels = 2: rate = "+all {
		t.Errorf("a sound server's PCM: %q, %v", got, err)
	}
	if got, err := audio.Offers(t.Context(), "hw:CARD=NoSuchCard,DEV=0"); !errors.Is(err, audio.ErrMissing) {
		t.Errorf("a card that is not there: %q, %v", got, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := audio.Offers(ctx, audiotest.Device); !errors.Is(err, context.Canceled) {
		t.Errorf("asked to end: %q, %v", got, err)
	}
}
