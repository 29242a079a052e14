package daemon_test

import (
	"fmt"
	"sync"
	"time"

	"tacet/audio/encoded"
	"tacet/daemon/take"
)

// encoder keeps its samples, in segments of a second.
type encoder struct {
	mu       sync.Mutex
	buffer   []int16
	segments [][]int16
	given    [][]byte  // the segments as returned, in the same memory
	at       time.Time // of the last segment
	woken    time.Time // when it last got samples
	times    int       // how often it was woken
	fail     error
	gate     gate // where Encode hangs
}

func (r *room) newEncoder(string) (take.Encoder, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.encoder != nil {
		return nil, r.encoder
	}
	e := &encoder{at: time.Now()}
	r.encoders = append(r.encoders, e)
	return e, nil
}

func (r *room) encodersMade() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.encoders)
}

func (e *encoder) latest() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.at
}

func (e *encoder) Encode(samples []int16) (done []encoded.Segment, err error) {
	e.gate.pass()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fail != nil {
		return nil, e.fail
	}
	if now := time.Now(); !now.Equal(e.woken) {
		e.woken = now
		e.times++
	}
	for e.buffer = append(e.buffer, samples...); len(e.buffer) >= rate; {
		done = append(done, e.take(rate))
	}
	return done, nil
}

func (e *encoder) Release() {}

func (e *encoder) Close() ([]encoded.Segment, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return []encoded.Segment{e.take(len(e.buffer))}, nil
}

func (e *encoder) take(n int) encoded.Segment {
	first := int64(len(e.segments)) * rate
	e.segments = append(e.segments, append([]int16(nil), e.buffer[:n]...))
	e.buffer = e.buffer[n:]
	e.at = time.Now()
	data := []byte(fmt.Sprintf("segment with %d samples", n))
	e.given = append(e.given, data)
	return encoded.Segment{Data: data, First: first, Samples: int64(n)}
}
