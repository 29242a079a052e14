package e2e_test

import (
	"sync"
	"testing"
	"time"
)

const (
	tick     = 10 * time.Millisecond // how often the machine's lateness is looked at
	lookBack = 150                   // ticks
)

// lateness is by how much this machine comes late to what is due, because it has other things to
// do. What a test demands of the daemon in real time it can demand only beyond that.
type lateness struct {
	mu   sync.Mutex
	of   [lookBack]time.Duration // each of the last ticks; guarded by mu
	next int                     // guarded by mu
}

// watchLateness looks at the clock until the test has ended.
func watchLateness(t *testing.T) *lateness {
	l := &lateness{}
	ticker := time.NewTicker(tick)
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	go func() {
		defer ticker.Stop()
		for last := time.Now(); ; {
			select {
			case <-stop:
				return
			case <-ticker.C:
			}
			now := time.Now()
			l.add(max(0, now.Sub(last)-tick))
			last = now
		}
	}()
	return l
}

func (l *lateness) add(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of[l.next%lookBack] = d
	l.next++
}

// lately is all of it in the last second and a half: a sample passes through several hands, each of
// which can be late.
func (l *lateness) lately() (sum time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.of {
		sum += d
	}
	return sum
}
