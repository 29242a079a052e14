package audio_test

import (
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/audio/monitor"
	"tacet/systemd/needs"
)

// patience is how long a real-time test waits for something that is quick unless the machine is
// busy.
const patience = 30 * time.Second

// A tape records what a microphone delivers.
type tape struct {
	mu       sync.Mutex
	samples  []int16       // guarded by mu
	arrived  []monitor.Raw // of each block; guarded by mu
	ends     []int         // where each block ends; guarded by mu
	overruns []int64       // how many there had been, if mic is set; guarded by mu
	mic      *audio.Mic
	more     chan struct{} // gets something after each block
	failed   chan error
}

func newTape() *tape {
	return &tape{more: make(chan struct{}, 1), failed: make(chan error, 10)}
}

func (r *tape) deliver(samples []int16, _ time.Time, arrived monitor.Raw) {
	r.mu.Lock()
	r.samples = append(r.samples, samples...)
	r.arrived = append(r.arrived, arrived)
	r.ends = append(r.ends, len(r.samples))
	if r.mic != nil {
		r.overruns = append(r.overruns, r.mic.Overruns())
	}
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *tape) fail(err error) { r.failed <- err }

func (r *tape) all() []int16 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.samples[:len(r.samples):len(r.samples)]
}

// until waits until what has been recorded satisfies ok.
func (r *tape) until(t *testing.T, what string, ok func([]int16) bool) {
	t.Helper()
	timeout := time.After(patience)
	for !ok(r.all()) {
		select {
		case <-r.more:
		case err := <-r.failed:
			t.Fatalf("while waiting for %s: %v", what, err)
		case <-timeout:
			t.Fatalf("no %s in %v", what, patience)
		}
	}
}

func openMic(t *testing.T, m *audio.Mic, r *tape) io.Closer {
	t.Helper()
	if _, err := m.Present(); err != nil {
		t.Fatal(err)
	}
	c, err := m.Open(r.deliver, r.fail)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func lastIndex(samples []int16) int64 {
	if len(samples) < audiotest.MinRun {
		return -1
	}
	i, ok := audiotest.Index(samples[len(samples)-audiotest.MinRun:])
	if !ok {
		return -1
	}
	return i
}

func TestMicTakesEverySampleAndMakesNoneUp(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	mic := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler))

	const length = 5 * 48000
	played := make(chan error, 1)
	go func() { played <- room.Play(t.Context(), audiotest.Code(0, length)) }()

	// The first time, the microphone is opened before the sound.
	early := newTape()
	c := openMic(t, mic, early)
	early.until(t, "code", func(s []int16) bool { return lastIndex(s) > 48000 })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	n := len(early.all())

	// The second time, it is opened in the middle of the sound.
	late := newTape()
	c = openMic(t, mic, late)
	late.until(t, "end of the code", func(s []int16) bool {
		r := audiotest.Runs(s[max(0, len(s)-9600):])
		return len(r) > 0 && r[len(r)-1].First+int64(r[len(r)-1].Len) == length
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-played; err != nil {
		t.Fatal(err)
	}

	if n != len(early.all()) {
		t.Error("samples were delivered after Close")
	}
	if d := audiotest.Damages(early.all()); d != nil {
		t.Errorf("the first recording is damaged: %+v", d)
	}
	if d := audiotest.Damages(late.all()); d != nil {
		t.Errorf("the second recording is damaged: %+v", d)
	}
	if r := audiotest.Runs(late.all()); len(r) != 1 || r[0].At != 0 {
		t.Errorf("the second recording starts with something that was not played: %+v", r)
	}
	if mic.Overruns() != 0 {
		t.Errorf("%d overruns", mic.Overruns())
	}
}

func TestMicWhoseSoundServerDies(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	mic := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler))
	r := newTape()
	c := openMic(t, mic, r)
	r.until(t, "samples", func(s []int16) bool { return len(s) > 0 })
	room.Kill()
	select {
	case err := <-r.failed:
		if !errors.Is(err, audio.ErrUnplugged) && !errors.Is(err, audio.ErrStopped) {
			t.Errorf("it failed with %v", err)
		}
	case <-time.After(patience):
		t.Error("the loss of the microphone was not reported")
	}
	start := time.Now()
	err := c.Close()
	t.Logf("closed in %v: %v", time.Since(start), err)
	if err != nil && !errors.Is(err, audio.ErrStuck) {
		t.Error(err)
	}
	select {
	case err := <-r.failed:
		t.Errorf("it failed once more: %v", err)
	default:
	}
}

func TestMicWhoseSoundServerHangs(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	mic := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler))
	r := newTape()
	c := openMic(t, mic, r)
	r.until(t, "samples", func(s []int16) bool { return len(s) > 0 })
	if _, err := mic.Open(r.deliver, r.fail); !errors.Is(err, audio.ErrBusy) {
		t.Errorf("opened twice: %v", err)
	}
	if err := room.Freeze(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); !errors.Is(err, audio.ErrStuck) {
		t.Errorf("close: %v", err)
	}
	if err := c.Close(); !errors.Is(err, audio.ErrStuck) {
		t.Errorf("close once more: %v", err)
	}
	if _, err := mic.Open(r.deliver, r.fail); !errors.Is(err, audio.ErrStuck) {
		t.Errorf("opened although the library hangs: %v", err)
	}
	if _, err := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler)).Open(r.deliver,
		r.fail); !errors.Is(err, audio.ErrStuck) {
		t.Errorf("open a microphone that hangs: %v", err)
	}
	n := len(r.all())
	if err := room.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := room.Play(t.Context(), make([]int16, audiotest.Rate/2)); err != nil {
		t.Fatal(err)
	}
	if m := len(r.all()); m != n {
		t.Errorf("%d samples came after Close, once the server went on", m-n)
	}
	select {
	case err := <-r.failed:
		t.Errorf("it failed after Close: %v", err)
	default:
	}
}

func TestMicThatCannotBeOpened(t *testing.T) {
	r := newTape()
	for device, want := range map[string]error{
		"hw:CARD=Nowhere,DEV=0":   audio.ErrMissing,
		"plughw:77,0":             audio.ErrMissing,
		"no-such-pcm":             audio.ErrMissing,
		"":                        audio.ErrMissing,
		":0,0":                    audio.ErrMissing,
		string(make([]byte, 300)): audio.ErrMissing,
	} {
		_, err := audio.NewMic(device, 48000, 1, slog.New(slog.DiscardHandler)).Open(r.deliver, r.fail)
		if errors.Is(err, audio.ErrLibrary) {
			needs.Installed(t, "libasound2", err)
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", device, err)
		}
	}
}

// Gaps finds a loss in the real audio chain, and no other.
func TestLostTimeIsFound(t *testing.T) {
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	mic := audio.NewMic(audiotest.Device, 48000, 1, slog.New(slog.DiscardHandler))
	opened := mic.Raw()
	r := newTape()
	c := openMic(t, mic, r)
	const before, after = 3 * audiotest.Rate, 5 * audiotest.Rate / 2
	if err := room.Play(t.Context(), audiotest.Code(0, before)); err != nil {
		t.Fatal(err)
	}
	if err := room.Lose(t.Context(), 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := room.Play(t.Context(), audiotest.Code(before, after)); err != nil {
		t.Fatal(err)
	}
	r.until(t, "end of the code", func(s []int16) bool {
		runs := audiotest.Runs(s[max(0, len(s)-audiotest.Rate):])
		return len(runs) > 0 && runs[len(runs)-1].First+int64(runs[len(runs)-1].Len) == before+after
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	gaps := monitor.NewGaps(audiotest.Rate, opened)
	var verdicts []monitor.Verdict
	for i := range r.arrived {
		begin := 0
		if i > 0 {
			begin = r.ends[i-1]
		}
		verdicts = append(verdicts, gaps.Push(r.ends[i]-begin, r.arrived[i])...)
	}
	verdicts = append(verdicts, gaps.Flush()...)
	runs := audiotest.Runs(r.all())
	at := runs[0].At + before - int(runs[0].First) // where the time is missing
	found := false
	for _, v := range verdicts {
		if v.Lost == 0 {
			continue
		}
		// The source delivers pieces of its own size, so the loss may be within a block.
		off := r.ends[v.Block] - at
		if found || v.Lost < 48*280 || v.Lost > 48*340 || off < -4096 || off > 3*4096 {
			t.Errorf("%d frames are reported lost before block %d, which ends %d after the place", v.Lost, v.Block, off)
		}
		found = true
	}
	if !found {
		t.Error("nobody missed 300 ms")
	}
}
