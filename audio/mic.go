package audio

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gen2brain/malgo"

	"tacet/audio/monitor"
)

const (
	// period is the longest time for which the card collects samples before it wakes us: a wake-up
	// costs more than handling the samples.
	period = 100 * time.Millisecond
	// periods is the length of the card's ring: by how much the process may be late without losing
	// samples.
	periods = 16
	// If the card's ring is so small that its periods would be shorter than minPeriod, it is
	// divided into fewPeriods: waking up more often costs more than it saves.
	minPeriod  = 20 * time.Millisecond
	fewPeriods = 4
	// deadline is the most time for the sound library to open or close a card. It can hang for ever
	// in both.
	deadline = 3 * time.Second
)

// A Mic is one ALSA capture device. It is closed until Open.
type Mic struct {
	device   string
	rate     int
	channels int
	log      *slog.Logger

	overruns    atomic.Int64              // since the start
	current     atomic.Pointer[openCard]  // for readLog
	loggedAt    atomic.Pointer[time.Time] // when overruns were last logged
	loggedTotal atomic.Int64              // overruns at that time
	ring        atomic.Pointer[ring]      // what the card granted when it was last configured
	failure     atomic.Pointer[string]    // the last failure that the sound library logged

	mu    sync.Mutex              // guards the fields below
	ctx   *malgo.AllocatedContext // made at the first Open and kept; it holds no device
	id    unsafe.Pointer          // the device's name in C memory, valid as long as ctx
	stuck bool                    // a call of the library never returned: this process must not use a microphone again
}

// NewMic returns a closed microphone. The device is any ALSA PCM, such as hw:CARD=Device,DEV=0.
func NewMic(device string, rate, channels int, log *slog.Logger) *Mic {
	return &Mic{device: device, rate: rate, channels: channels, log: log}
}

// Overruns is how often the card has discarded samples that were not read in time. Package monitor
// finds how many were lost; this explains why.
func (m *Mic) Overruns() int64 { return m.overruns.Load() }

// Open opens the card and starts it. deliver runs on the sound library's thread for each block.
// samples is C memory and valid only during the call: deliver must copy it and must not block. Both
// stamps are read when the block arrives, so all of it is older: arrived is for comparison with
// edges and readings of lines, raw for judging the card. failed is called at most once, on its own
// goroutine, when the card disappears or stops; the card must still be closed then. Nothing is
// delivered after Close has been called.
//
// Errors wrap ErrMissing, ErrBusy, ErrDenied, ErrRate, ErrLibrary or ErrStuck where one applies.
// After ErrStuck the card may still open without our control: the process has to end.
func (m *Mic) Open(deliver func(samples []int16, arrived time.Time, raw monitor.Raw),
	failed func(error)) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stuck {
		return nil, fmt.Errorf("open microphone %s: %w", m.device, ErrStuck)
	}
	s := &openCard{mic: m, deliver: deliver, failed: failed, closing: make(chan struct{}), done: make(chan struct{})}
	if !m.current.CompareAndSwap(nil, s) {
		return nil, fmt.Errorf("open microphone %s: %w: it is open already", m.device, ErrBusy)
	}
	opened := make(chan error, 1)
	go func() { opened <- m.open(s) }()
	var err error
	select {
	case err = <-opened:
	case <-time.After(deadline):
		m.stuck = true
		err = ErrStuck
	}
	if err != nil {
		s.silence()
		m.current.CompareAndSwap(s, nil)
		return nil, fmt.Errorf("open microphone %s: %w", m.device, err)
	}
	return s, nil
}

// open makes the calls that can hang. Its caller holds m.mu while it waits. If it gives up, nothing
// else uses the fields under m.mu any more.
func (m *Mic) open(s *openCard) error {
	if err := m.load(); err != nil {
		return err
	}
	if s.isSilent() {
		return ErrStuck // Open has given up
	}
	dev, err := m.prepare(s)
	if err != nil {
		return err
	}
	if s.isSilent() {
		dev.Uninit()
		return ErrStuck
	}
	if err := dev.Start(); err != nil {
		dev.Uninit()
		return m.explain(err)
	}
	s.device = dev
	return nil
}

// prepare configures the card without starting it.
func (m *Mic) prepare(s *openCard) (*malgo.Device, error) {
	m.failure.Store(nil)
	cfg := malgo.DefaultDeviceConfig(malgo.Capture)
	cfg.SampleRate = uint32(m.rate)
	cfg.PeriodSizeInFrames = uint32(periodFrames(m.rate))
	cfg.Periods = periods
	cfg.NoFixedSizedCallback = 1 // otherwise the first period is zeros
	cfg.Capture.DeviceID = m.id
	cfg.Capture.Format = malgo.FormatS16
	cfg.Capture.Channels = uint32(m.channels)
	call := malgo.DeviceCallbacks{Data: s.data, Stop: s.stopped}
	m.ring.Store(nil)
	dev, err := malgo.InitDevice(m.ctx.Context, cfg, call)
	if got := m.ring.Load(); err == nil && got != nil && got.periods > fewPeriods &&
		got.period < m.rate*int(minPeriod/time.Millisecond)/1000 {
		dev.Uninit()
		cfg.Periods, cfg.PeriodSizeInFrames = fewPeriods, uint32(got.period*got.periods/fewPeriods)
		dev, err = malgo.InitDevice(m.ctx.Context, cfg, call)
	}
	if err != nil {
		return nil, m.explain(err)
	}
	got := shape{int(dev.CaptureInternalSampleRate()), int(dev.CaptureInternalChannels()), dev.CaptureInternalFormat()}
	if err := got.differs(m.device, m.rate, m.channels); err != nil {
		dev.Uninit()
		return nil, err
	}
	return dev, nil
}

// periodFrames is the largest power of two within the period. The sound library then reads pieces
// that divide it, and always leaves the same number of frames in the ring. With 4800 frames the
// remainder would depend on the last stall, and look like a loss of 30 ms.
func periodFrames(rate int) int {
	most := rate * int(period/time.Millisecond) / 1000
	return 1 << (bits.Len(uint(most)) - 1)
}

// load loads libasound, once.
func (m *Mic) load() error {
	if m.ctx != nil {
		return nil
	}
	id, err := deviceID(m.device)
	if err != nil {
		return err
	}
	ctx, err := malgo.InitContext([]malgo.Backend{malgo.BackendAlsa}, malgo.ContextConfig{}, m.readLog)
	if errors.Is(err, malgo.ErrNoBackend) {
		return ErrLibrary
	}
	if err != nil {
		return fmt.Errorf("start the sound library: %w", err)
	}
	m.ctx, m.id = ctx, id.Pointer()
	return nil
}

// deviceID is a PCM's name in the sound library's form. It does not check that the PCM exists.
func deviceID(name string) (*malgo.DeviceID, error) {
	var id malgo.DeviceID
	if name == "" || len(name) >= len(id) {
		return nil, fmt.Errorf("%w: a name has 1 to %d bytes", ErrMissing, len(id)-1)
	}
	if name[0] == ':' {
		return nil, fmt.Errorf("%w: a PCM's name can't start with a colon", ErrMissing)
	}
	copy(id[:], name)
	return &id, nil
}

// A device is the sound library's handle for an open card.
type device interface {
	Stop() error
	Uninit()
}

// An openCard is a card between Open and Close.
type openCard struct {
	mic     *Mic
	deliver func([]int16, time.Time, monitor.Raw)
	failed  func(error)
	device  device // set before Open returns

	mu     sync.Mutex // held while a block is delivered
	silent bool       // guarded by mu: deliver nothing more

	failOnce  sync.Once
	closeOnce sync.Once
	closing   chan struct{} // closed at the first Close
	done      chan struct{} // closed once err is set
	err       error
}

// data runs on the audio thread.
func (s *openCard) data(_, in []byte, _ uint32) {
	arrived, raw := time.Now(), Raw()
	if len(in) < 2 {
		return
	}
	samples := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(in))), len(in)/2)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.silent {
		s.deliver(samples, arrived, raw)
	}
}

// stopped runs on the audio thread when the card has stopped, whether we asked for it or not.
func (s *openCard) stopped() { s.fail(ErrStopped) }

// fail reports, once, that the card has failed, unless it is being closed.
func (s *openCard) fail(err error) {
	select {
	case <-s.closing:
		return
	default:
	}
	s.failOnce.Do(func() { go s.failed(fmt.Errorf("microphone %s: %w", s.mic.device, err)) })
}

// silence prevents the delivery of further blocks.
func (s *openCard) silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

func (s *openCard) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent
}

// Close stops the card and closes it. It returns nil when the card is certainly closed, and
// ErrStuck if the library has not returned within 3 s: then the card may still be open, and the
// process has to end.
func (s *openCard) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		defer close(s.done)
		closed := make(chan struct{})
		go func() {
			s.silence()
			_ = s.device.Stop() // Uninit alone hangs for ever when a sound server has died
			s.device.Uninit()
			close(closed)
		}()
		select {
		case <-closed:
			s.mic.current.CompareAndSwap(s, nil)
		case <-time.After(deadline):
			s.mic.mu.Lock()
			s.mic.stuck = true
			s.mic.mu.Unlock()
			s.err = fmt.Errorf("close microphone %s: %w", s.mic.device, ErrStuck)
		}
	})
	<-s.done
	return s.err
}
