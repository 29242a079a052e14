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
	// period is at most how long the card gathers samples before it wakes us: a wake-up costs more
	// than the samples do.
	period = 100 * time.Millisecond
	// periods is the length of the card's ring: what a stalled process may be late by and lose
	// nothing.
	periods = 16
	// A card whose ring is so small that periods of it would be shorter than periodLeast gets
	// periodsFew: waking up more often costs more than it saves.
	periodLeast = 20 * time.Millisecond
	periodsFew  = 4
	// deadline is how long the sound library gets to open or to close a card; it can hang for ever
	// in both.
	deadline = 3 * time.Second
)

// A Mic is one capture device, named as ALSA names it. It is closed until Open.
type Mic struct {
	device   string
	rate     int
	channels int
	log      *slog.Logger

	overruns atomic.Int64              // how often the card threw samples away, since the start
	current  atomic.Pointer[openCard]  // the open stream, for the log hook
	told     atomic.Pointer[time.Time] // when overruns were last logged,
	toldOf   atomic.Int64              // and how many there had been
	ring     atomic.Pointer[ring]      // what the card agreed to when it was last set up
	heard    atomic.Pointer[string]    // the last complaint of the sound library

	mu    sync.Mutex              // guards the rest
	ctx   *malgo.AllocatedContext // made at the first Open and kept: it holds no device
	id    unsafe.Pointer          // the device's name, in C memory; as long-lived as ctx
	stuck bool                    // the library never came back: this process can't be trusted with a microphone
}

// NewMic names a microphone and opens nothing. The device is any ALSA PCM, such as
// hw:CARD=Device,DEV=0.
func NewMic(device string, rate, channels int, log *slog.Logger) *Mic {
	return &Mic{device: device, rate: rate, channels: channels, log: log}
}

// Overruns counts how often the card has thrown samples away because nobody took them in time. What
// was lost is found by Gaps; this is for a person who wonders why.
func (m *Mic) Overruns() int64 { return m.overruns.Load() }

// Open opens the card and starts it. deliver runs on the sound library's own thread for each block;
// samples is C memory and valid only during the call: deliver copies, and never blocks. arrived is
// compared with edges and readings of lines, raw judges the card; both were read when the block
// came, and so all of it is older. failed is called at most once, from a goroutine of its own, when
// the card goes away or stops; the stream must still be closed then. Nothing is delivered after
// Close has been called.
//
// An error wraps ErrMissing, ErrBusy, ErrDenied, ErrRate, ErrLibrary or ErrStuck where it is one of
// those. After ErrStuck the card may still open behind our back: the process has to end.
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

// open does what can hang. Its caller holds m.mu while it waits; after that nothing else touches
// what m.mu guards.
func (m *Mic) open(s *openCard) error {
	if err := m.load(); err != nil {
		return err
	}
	if s.isSilent() {
		return ErrStuck // Open has given up on us
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

// prepare sets the card up as it was asked for, and starts nothing.
func (m *Mic) prepare(s *openCard) (*malgo.Device, error) {
	m.heard.Store(nil)
	cfg := malgo.DefaultDeviceConfig(malgo.Capture)
	cfg.SampleRate = uint32(m.rate)
	cfg.PeriodSizeInFrames = uint32(periodFrames(m.rate))
	cfg.Periods = periods
	cfg.NoFixedSizedCallback = 1 // otherwise the first period is made-up zeros
	cfg.Capture.DeviceID = m.id
	cfg.Capture.Format = malgo.FormatS16
	cfg.Capture.Channels = uint32(m.channels)
	call := malgo.DeviceCallbacks{Data: s.data, Stop: s.stopped}
	m.ring.Store(nil)
	dev, err := malgo.InitDevice(m.ctx.Context, cfg, call)
	if got := m.ring.Load(); err == nil && got != nil && got.periods > periodsFew &&
		got.period < m.rate*int(periodLeast/time.Millisecond)/1000 {
		dev.Uninit()
		cfg.Periods, cfg.PeriodSizeInFrames = periodsFew, uint32(got.period*got.periods/periodsFew)
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

// periodFrames is the greatest power of two within the period. The sound library reads in pieces
// that divide it, and so always leaves the same number of frames in the ring: with 4800 frames the
// remainder depends on the last stall, which looks like a loss of 30 ms.
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
	ctx, err := malgo.InitContext([]malgo.Backend{malgo.BackendAlsa}, malgo.ContextConfig{}, m.hear)
	if errors.Is(err, malgo.ErrNoBackend) {
		return ErrLibrary
	}
	if err != nil {
		return fmt.Errorf("start the sound library: %w", err)
	}
	m.ctx, m.id = ctx, id.Pointer()
	return nil
}

// deviceID is a PCM's name as the sound library wants it: nothing is looked up.
func deviceID(name string) (*malgo.DeviceID, error) {
	var id malgo.DeviceID
	if name == "" || len(name) >= len(id) {
		return nil, fmt.Errorf("%w: a name has 1 to %d bytes", ErrMissing, len(id)-1)
	}
	if name[0] == ':' {
		return nil, fmt.Errorf("%w: no PCM's name begins with a colon", ErrMissing)
	}
	copy(id[:], name)
	return &id, nil
}

// A device is the sound library's handle of an open card.
type device interface {
	Stop() error
	Uninit()
}

// An openCard is a card that has been opened, and not closed since.
type openCard struct {
	mic     *Mic
	deliver func([]int16, time.Time, monitor.Raw)
	failed  func(error)
	device  device // set before Open returns

	mu     sync.Mutex // held while a block is delivered
	silent bool       // guarded by mu: deliver nothing any more

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

// stopped runs on the audio thread, when the card has stopped: at our wish, or not.
func (s *openCard) stopped() { s.fail(ErrStopped) }

// fail says, once, that this stream is over.
func (s *openCard) fail(err error) {
	select {
	case <-s.closing:
		return
	default:
	}
	s.failOnce.Do(func() { go s.failed(fmt.Errorf("microphone %s: %w", s.mic.device, err)) })
}

// silence keeps any further block from being delivered.
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

// Close stops the card and lets go of it. Once Close has been called nothing is delivered any more.
// It returns nil when the card is closed for certain, and ErrStuck when the library has not come
// back in 3 s: then the card may be open still, and the process has to end.
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
