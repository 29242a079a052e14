package audiotest

import (
	"context"
	"encoding/binary"
	"os"
	"time"
)

// Rate is the rate of the room, which has one channel.
const Rate = 48000

// tick is how often the speaker writes what has become due.
const tick = 10 * time.Millisecond

// A speaker fills a pipe at the pace of the clock, with silence where it has nothing to say. When
// it comes late it catches up: not a sample is lost or made up because a machine is busy.
type speaker struct {
	say  chan *speech
	gone <-chan struct{} // closed when nobody listens any more
}

// A speech is something to say, or to leave out.
type speech struct {
	samples []int16
	lose    bool           // the samples never reach the microphone, but their time passes
	begun   chan time.Time // gets the moment at which the first is due
	said    chan struct{}  // closed when the last has been said
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

// Play says samples, at 48 kHz, and returns when the last has been said or ctx is done.
func (s *speaker) Play(ctx context.Context, samples []int16) error {
	return s.speak(ctx, &speech{samples: samples})
}

// Begin begins to say samples, and tells when the first is due. Each is due 1/Rate after the one
// before it, and comes as late as the machine is busy, but never early.
func (s *speaker) Begin(ctx context.Context, samples []int16) (time.Time, error) {
	what := &speech{samples: samples}
	if err := s.hand(ctx, what); err != nil {
		return time.Time{}, err
	}
	select {
	case due := <-what.begun:
		return due, nil
	case <-s.gone:
		return time.Time{}, os.ErrClosed
	case <-ctx.Done():
		return time.Time{}, ctx.Err()
	}
}

// Lose takes d out of what the room delivers, as a sound card that is not read in time does: time
// passes, no sample comes.
func (s *speaker) Lose(ctx context.Context, d time.Duration) error {
	return s.speak(ctx, &speech{samples: make([]int16, int(d*Rate/time.Second)), lose: true})
}

// hand gives the speaker something to say next.
func (s *speaker) hand(ctx context.Context, what *speech) error {
	what.begun, what.said = make(chan time.Time, 1), make(chan struct{})
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
	begin, written := time.Now(), int64(0)
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
		due := int(time.Since(begin)*Rate/time.Second - time.Duration(written))
		written += int64(due)
		for due > 0 {
			n := due
			block := make([]int16, due)
			lose := false
			if now != nil {
				select {
				case now.begun <- begin.Add(time.Duration(written-int64(due)) * time.Second / Rate):
				default: // it has long begun
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
