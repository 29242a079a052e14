package bench_test

import (
	"log/slog"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/audio/monitor"
)

// BenchmarkFirstSample opens the microphone in a room in which time code is played. The first
// sample shows how much later it was captured than the device started.
func BenchmarkFirstSample(b *testing.B) {
	room := audiotest.NewPulse(b)
	room.Setenv(b)
	codeStart, err := room.Begin(b.Context(), audiotest.Code(0, 60*audiotest.Rate))
	if err != nil {
		b.Fatal(err)
	}
	mic := audio.NewMic(audiotest.Device, audiotest.Rate, 1, slog.New(slog.DiscardHandler))
	var delays []float64
	for range 9 {
		first := make(chan int64, 1)
		card, err := mic.Open(func(samples []int16, _ time.Time, _ monitor.Raw) {
			if index, ok := audiotest.Index(samples[:audiotest.MinRun]); ok {
				select {
				case first <- index:
				default:
				}
			}
		}, func(error) {})
		started := time.Now()
		if err != nil {
			b.Fatal(err)
		}
		select {
		case index := <-first:
			due := codeStart.Add(time.Duration(index) * time.Second / audiotest.Rate)
			delays = append(delays, due.Sub(started).Seconds()*1000)
		case <-time.After(10 * time.Second):
			b.Fatal("no sample")
		}
		if err := card.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.Logf("%.1f ms", delays)
	measured("first kept sample after the device has started", median(delays), 20, "ms")
}
