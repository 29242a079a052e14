package e2e_test

import (
	"sync"
	"testing"
	"time"
)

const (
	tick     = 10 * time.Millisecond // interval of the measurement
	lookBack = 150                   // ticks
)

// lateness is how late this machine is because it is busy. Tests in real time allow for it.
type lateness struct {
	mu   sync.Mutex
	of   [lookBack]time.Duration // each of the last ticks; guarded by mu
	next int                     // guarded by mu
}

// watchLateness measures until the test ends.
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

// lately returns the sum of the last second and a half: a sample passes through several processes,
// each of which may be late.
func (l *lateness) lately() (sum time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range l.of {
		sum += d
	}
	return sum
}
