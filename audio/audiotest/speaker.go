package audiotest

import (
	"context"
	"encoding/binary"
	"os"
	"time"
)

// Rate is the sample rate of the room, which has one channel.
const Rate = 48000

// tick is how often the speaker writes the samples that are due.
const tick = 10 * time.Millisecond

// A speaker fills a pipe at the pace of the clock, with silence when it has nothing to play. When
// it is late it catches up, so that a busy machine neither loses nor adds samples.
type speaker struct {
	say  chan *speech
	gone <-chan struct{} // closed when the server has ended
}

// A speech is a sound to play, or to omit.
type speech struct {
	samples []int16
	lose    bool           // their time passes, but the samples are not delivered
	started chan time.Time // receives the time at which the first is due
	said    chan struct{}  // closed after the last
}

func newSpeaker(pipe string, gone <-chan struct{}) (*speaker, error) {
	f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	s := &speaker{say: make(chan *speech), gone: gone}
	go s.run(f)
	return s, nil
}

// Play plays samples at 48 kHz. It returns after the last, or when ctx is done.
func (s *speaker) Play(ctx context.Context, samples []int16) error {
	return s.speak(ctx, &speech{samples: samples})
}

// Begin starts to play samples, and returns when the first is due. Each is due 1/Rate after the one
// before it. On a busy machine it may be late, but it is never early.
func (s *speaker) Begin(ctx context.Context, samples []int16) (time.Time, error) {
	what := &speech{samples: samples}
	if err := s.hand(ctx, what); err != nil {
		return time.Time{}, err
	}
	select {
	case due := <-what.started:
		return due, nil
	case <-s.gone:
		return time.Time{}, os.ErrClosed
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// Lose omits d from the sound, as a card does that is not read in time.
func (s *speaker) Lose(ctx context.Context, d time.Duration) error {
	return s.speak(ctx, &speech{samples: make([]int16, int(d*Rate/time.Second)), lose: true})
}

// hand passes a speech to the speaker.
func (s *speaker) hand(ctx context.Context, what *speech) error {
	what.started, what.said = make(chan time.Time, 1), make(chan struct{})
	select {
	case s.say <- what:
		return nil
	case <-s.gone:
		return os.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *speaker) speak(ctx context.Context, what *speech) error {
	if err := s.hand(ctx, what); err != nil {
		return err
	}
	select {
	case <-what.said:
		return nil
	case <-s.gone:
		return os.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run owns the pipe.
func (s *speaker) run(pipe *os.File) {
	defer pipe.Close()
	start, written := time.Now(), int64(0)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var now *speech
	next := s.say
	for {
		select {
		case <-s.gone:
			return
		case now = <-next:
			next = nil
			continue
		case <-ticker.C:
		}
		due := int(time.Since(start)*Rate/time.Second - time.Duration(written))
		written += int64(due)
		for due > 0 {
			n := due
			block := make([]int16, due)
			lose := false
			if now != nil {
				select {
				case now.started <- start.Add(time.Duration(written-int64(due)) * time.Second / Rate):
				default: // it has started already
				}
				n = copy(block, now.samples)
				now.samples, lose = now.samples[n:], now.lose
				if len(now.samples) == 0 {
					close(now.said)
					now, next = nil, s.say
				}
			}
			if due -= n; lose {
				continue
			}
			if err := binary.Write(pipe, binary.LittleEndian, block[:n]); err != nil {
				return
			}
		}
	}
}
