package daemon_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/lines"
)

// lateButtons are read late: every edge is delayed, and Read returns after all older edges.
type lateButtons struct {
	lines.Inputs
	late time.Duration
}

func (b lateButtons) Watch(ctx context.Context, edge func(int, bool, time.Time, bool)) error {
	var pending sync.WaitGroup
	defer pending.Wait()
	queue := make(chan func(), 64)
	defer close(queue)
	pending.Go(func() {
		for tell := range queue {
			tell()
		}
	})
	return b.Inputs.Watch(ctx, func(input int, active bool, _ time.Time, fresh bool) {
		at := time.Now()
		queue <- func() {
			pause(time.Until(at.Add(b.late)))
			edge(input, active, at, fresh)
		}
	})
}

func (b lateButtons) Read() ([]bool, error) {
	levels, err := b.Inputs.Read()
	pause(b.late + time.Microsecond)
	return levels, err
}

// Whatever stalls, not a sample from after the first touch is kept: with a tap shorter than the
// debounce time, a late reader, a stalling owner, and warnings that come and go.
func TestATapIsNeverLateWhateverStalls(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ms := func(most int) time.Duration { return time.Duration(random.IntN(most*10)) * 100 * time.Microsecond }
	for range 60 {
		synctest.Test(t, func(t *testing.T) {
			r := newRoom(t, "room")
			r.lines = lateButtons{r.lines, ms(12)}
			r.boot()
			r.phase("idle", time.Second)
			r.press("room")
			r.phase("recording", 2*time.Second)
			pause(time.Second + ms(200))
			var others sync.WaitGroup
			for range random.IntN(3) {
				at, length := ms(150), ms(90)
				others.Go(func() {
					pause(at)
					release := r.clock.gate.close() // the owner calls it in every turn
					pause(length)
					release()
				})
			}
			at := ms(150)
			others.Go(func() {
				pause(at)
				r.d.ConfigRefused(errors.New("made to fail"))
			})
			pause(ms(150))
			touch := time.Now()
			r.front.Hold("room", true)
			pause(time.Millisecond + ms(40))
			r.front.Hold("room", false)
			r.phase("idle", 5*time.Second)
			others.Wait()
			r.finish()
			pause(time.Second) // until the late reader has ended
			if _, last := r.span(r.kept(0)); since(touch, last) >= 0 {
				t.Errorf("a sample from %s after the first touch is kept", since(touch, last))
			}
		})
	}
}
