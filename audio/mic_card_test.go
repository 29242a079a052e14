package audio_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/audio/monitor"
)

// listened is what a fake card delivered. Its frames are numbered, so that missing ones show.
type listened struct {
	frames, missing int64 // missing by their numbers
	found           int64 // missing, as Gaps found
	gaps, stale     int   // verdicts that say so; stale after the start
	overruns        int64
	rate            float64
	known           bool
}

// listen opens all cards at once and records until each has delivered some seconds of frames.
func listen(t *testing.T, cards map[string]audiotest.Card, d time.Duration) map[string]listened {
	t.Helper()
	audiotest.NewCards(t, cards).Setenv(t)
	type open struct {
		mic    *audio.Mic
		tape   *tape
		gaps   *monitor.Gaps
		closer io.Closer
	}
	all := map[string]open{}
	for name := range cards {
		mic := audio.NewMic(name, 48000, 1, slog.New(slog.DiscardHandler))
		o := open{mic, newTape(), monitor.NewGaps(48000, mic.Raw()), nil}
		o.tape.mic = mic
		o.closer = openMic(t, mic, o.tape)
		all[name] = o
	}
	end := time.After(d)
	for over := false; !over; {
		for name, o := range all {
			select {
			case err := <-o.tape.failed:
				t.Fatalf("%s: %v", name, err)
			default:
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-end:
			over = true
		}
	}
	got := map[string]listened{}
	for name, o := range all {
		if err := o.closer.Close(); err != nil {
			t.Fatal(err)
		}
		got[name] = heard(o.tape, o.gaps, o.mic.Overruns())
	}
	return got
}

// heard compares the verdicts of Gaps with the numbers of the frames.
func heard(tape *tape, gaps *monitor.Gaps, overruns int64) listened {
	got := listened{overruns: overruns, frames: int64(len(tape.samples))}
	for i := 1; i < len(tape.samples); i++ {
		got.missing += (int64(tape.samples[i]) - int64(tape.samples[i-1]) - 1 + 30000) % 30000
	}
	var verdicts []monitor.Verdict
	begin := 0
	for i, raw := range tape.arrived {
		if i > 0 && tape.mic != nil && tape.overruns[i] != tape.overruns[i-1] {
			gaps.Overrun()
		}
		verdicts = append(verdicts, gaps.Push(tape.ends[i]-begin, raw)...)
		begin = tape.ends[i]
	}
	for i, v := range append(verdicts, gaps.Flush()...) {
		got.found += v.Lost
		if v.Lost > 0 {
			got.gaps++
		}
		if v.Stale > 0 && tape.arrived[i].Sub(tape.arrived[0]) > 200*time.Millisecond {
			got.stale++
		}
	}
	got.rate, got.known = gaps.Pace().Rate()
	return got
}

func TestMicAtAnySpeed(t *testing.T) {
	speeds := map[string]float64{}
	cards := map[string]audiotest.Card{}
	for i, speed := range []float64{0.92, 0.98, 0.9994, 1, 1.006, 1.088, 1.5, 2} {
		name := fmt.Sprintf("speed%d", i)
		speeds[name] = speed
		cards[name] = audiotest.Card{"wave": "count", "speed": fmt.Sprintf("0:%v", speed)}
	}
	for name, got := range listen(t, cards, 13*time.Second) {
		if got.missing != 0 || got.gaps != 0 || got.stale != 0 || got.overruns != 0 {
			t.Errorf("at %v times its rate: %+v", speeds[name], got)
		}
		if want := 48000 * speeds[name]; !got.known || got.rate < want*0.9995 || got.rate > want*1.0005 {
			t.Errorf("the pace of %.1f Hz is measured as %.1f (%v)", want, got.rate, got.known)
		}
	}
}

func TestMicWithAnyBuffer(t *testing.T) {
	cards := map[string]audiotest.Card{}
	for _, buffer := range []int{1024, 2048, 4096, 8192, 16384, 65536} {
		for i, lose := range []string{"", "4:4800", "4:2400;7:24000"} {
			cards[fmt.Sprintf("buffer%d_%d", buffer, i)] = audiotest.Card{"wave": "count", "buffer": buffer, "lose": lose}
		}
	}
	for name, got := range listen(t, cards, 10*time.Second) {
		lost := int64(0)
		for _, l := range strings.FieldsFunc(cards[name]["lose"].(string), func(r rune) bool { return r == ';' }) {
			var at, n int64
			fmt.Sscanf(l, "%d:%d", &at, &n)
			lost += n
		}
		t.Logf("%s: %+v", name, got)
		if all := got.frames + got.missing; all < 48000*9 || all > 48000*12 {
			t.Errorf("%s: %d frames in 10 s", name, all)
		}
		// A busy machine can't keep up with a buffer of 20 ms and loses samples. All losses are
		// found.
		if got.overruns == 0 && got.missing != lost {
			t.Errorf("%s: the card lost %d, the frames' numbers say %d", name, lost, got.missing)
		}
		if diff := got.found - got.missing; max(diff, -diff) > 480 || got.missing == 0 && got.gaps > 0 {
			t.Errorf("%s: %d are missing, %d were found", name, got.missing, got.found)
		}
	}
}
