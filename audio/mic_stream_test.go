package audio

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gen2brain/malgo"

	"tacet/audio/monitor"
)

func TestCardThatDiffersIsRefused(t *testing.T) {
	for _, c := range []struct {
		device string
		got    shape
		want   string
	}{
		{"hw:0,0", shape{48000, 1, malgo.FormatS16}, ""},
		{"hw:0,0", shape{16000, 1, malgo.FormatS16}, "it has no 48000 Hz, but 16000: write rate = 16000"},
		{"hw:0,0", shape{44100, 1, malgo.FormatS16},
			`it has no 48000 Hz, but 44100: write rate = 44100 and codec = "flac" (or "wav": Opus has no such rate)`},
		{"plughw:0,0", shape{44100, 1, malgo.FormatS16},
			`it has no 48000 Hz, but 44100: write rate = 44100 and codec = "flac" (or "wav": Opus has no such rate)`},
		{"hw:0,0", shape{192000, 1, malgo.FormatS16},
			"it has no 48000 Hz, but 192000, which no codec supports: use another microphone"},
		{"hw:0,0", shape{48000, 2, malgo.FormatS16}, "it has no 1 channels, but 2: write channels = 2"},
		{"hw:0,0", shape{48000, 6, malgo.FormatS16}, `it has no 1 channels, but 6: write device = "plughw:0,0"`},
		{"hw:0,0", shape{48000, 1, malgo.FormatS32}, `it has no 16-bit samples: write device = "plughw:0,0"`},
		{"hw:0,0", shape{16000, 2, malgo.FormatS32},
			`it has no 48000 Hz, but 16000, no 1 channels, but 2, no 16-bit samples: write rate = 16000 and device = "plughw:0,0"`},
		{"mine", shape{48000, 1, malgo.FormatS24}, `it has no 16-bit samples: write device = "plug:'mine'"`},
		{"plug:'mine'", shape{48000, 1, malgo.FormatS24}, "it has no 16-bit samples: use another microphone"},
	} {
		err := c.got.differs(c.device, 48000, 1)
		if c.want == "" {
			if err != nil {
				t.Error(err)
			}
		} else if want := ErrRate.Error() + ": " + c.want; !errors.Is(err, ErrRate) || err.Error() != want {
			t.Errorf("%v\ninstead of\n%s", err, want)
		}
	}
}

func TestPeriodFrames(t *testing.T) {
	for rate, want := range map[int]int{8000: 512, 16000: 1024, 44100: 4096, 48000: 4096, 96000: 8192} {
		if n := periodFrames(rate); n != want {
			t.Errorf("%d frames at %d Hz instead of %d", n, rate, want)
		}
	}
}

// fakeStream is an open microphone without a card.
func fakeStream(deliver func([]int16, time.Time, monitor.Raw), failed func(error)) (*Mic, *openCard) {
	m := NewMic("fake", 48000, 1, slog.New(slog.DiscardHandler))
	s := &openCard{mic: m, deliver: deliver, failed: failed, closing: make(chan struct{}), done: make(chan struct{})}
	m.current.Store(s)
	return m, s
}

func TestUnpluggedCardFailsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var errs []error
		m, s := fakeStream(nil, func(err error) { errs = append(errs, err) })
		for i := range 3 { // the library says it over and over
			start := time.Now()
			m.readLog(fmt.Sprintf("[ALSA] POLLERR detected. status = %d\n", i))
			if time.Since(start) == 0 {
				t.Error("the library's thread spins")
			}
		}
		s.stopped()
		synctest.Wait()
		if len(errs) != 1 || !errors.Is(errs[0], ErrUnplugged) {
			t.Errorf("%v", errs)
		}
		close(s.closing)
		start := time.Now()
		m.readLog("[ALSA] POLLERR detected. status = 8\n")
		if time.Since(start) != 0 {
			t.Error("closing has to wait")
		}
	})
}

func TestStopThatWasAskedForIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, s := fakeStream(nil, func(err error) { t.Error(err) })
		close(s.closing)
		s.stopped()
		synctest.Wait()
	})
}

func TestOverrunsAreCounted(t *testing.T) {
	m, _ := fakeStream(nil, func(err error) { t.Error(err) })
	m.readLog("EPIPE (read)\n")
	m.readLog("EPIPE (read)\n")
	m.readLog("[ALSA] Waking up...\n")
	if m.Overruns() != 2 {
		t.Errorf("%d overruns", m.Overruns())
	}
}

// One line per overrun would fill the log.
func TestOverrunsAreLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		m, _ := fakeStream(nil, func(err error) { t.Error(err) })
		m.log = slog.New(slog.NewTextHandler(&log, nil))
		for range 5 * 60 * 20 { // twenty a second for five minutes
			m.readLog("EPIPE (read)\n")
			<-time.After(50 * time.Millisecond)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 5 || !strings.Contains(lines[0], "times=1 ") || !strings.Contains(lines[1], "times=1200 ") ||
			m.Overruns() != 6000 {
			t.Errorf("%d overruns:\n%s", m.Overruns(), log.String())
		}
	})
}

func TestBlocksCostNoMemory(t *testing.T) {
	frames, at := 0, time.Time{}
	_, s := fakeStream(func(samples []int16, arrived time.Time, _ monitor.Raw) {
		frames += len(samples)
		at = arrived
		if samples[1] != 0x0403 {
			t.Errorf("%x", samples[:2])
		}
	}, nil)
	in := make([]byte, 4096)
	copy(in, []byte{1, 2, 3, 4})
	if n := testing.AllocsPerRun(100, func() { s.data(nil, in, 2048) }); n != 0 {
		t.Errorf("%v allocations for a block", n)
	}
	if frames != 101*2048 || at.IsZero() {
		t.Errorf("%d frames were delivered", frames)
	}
	s.silence()
	s.data(nil, in, 2048)
	if frames != 101*2048 {
		t.Error("a block was delivered after the end")
	}
}

// fakeDevice is a card that continues for a moment after Stop, or hangs.
type fakeDevice struct {
	stream *openCard
	hang   chan struct{} // closed where it doesn't
	did    []string
}

func (d *fakeDevice) Stop() error {
	d.did = append(d.did, "stop")
	d.stream.data(nil, make([]byte, 100), 50)
	d.stream.stopped()
	return nil
}

func (d *fakeDevice) Uninit() {
	<-d.hang
	d.did = append(d.did, "uninit")
}

func TestCloseStopsAndThenLetsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := fakeStream(func([]int16, time.Time, monitor.Raw) { t.Error("a block was delivered after Close") },
			func(err error) { t.Error(err) })
		d := &fakeDevice{stream: s, hang: make(chan struct{})}
		s.device = d
		close(d.hang)
		for range 2 {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if fmt.Sprint(d.did) != "[stop uninit]" {
			t.Error(d.did)
		}
		if m.current.Load() != nil {
			t.Error("it can't be opened again")
		}
	})
}

func TestCloseOfACardThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, s := fakeStream(func([]int16, time.Time, monitor.Raw) { t.Error("a block was delivered after Close") },
			func(err error) { t.Error(err) })
		d := &fakeDevice{stream: s, hang: make(chan struct{})}
		s.device = d
		start := time.Now()
		for range 2 {
			if err := s.Close(); !errors.Is(err, ErrStuck) {
				t.Error(err)
			}
		}
		if waited := time.Since(start); waited != deadline {
			t.Errorf("Close took %v", waited)
		}
		if _, err := m.Open(nil, nil); !errors.Is(err, ErrStuck) {
			t.Errorf("it was opened again: %v", err)
		}
		close(d.hang)
	})
}
