package daemon_test

import (
	"testing"
	"testing/synctest"
	"time"

	"tacet/daemon/lines"
	"tacet/hw/simpanel"
)

const (
	every    = 80 * time.Millisecond // between blocks
	debounce = 30 * time.Millisecond
)

// readings records when the lines were read.
type readings struct {
	lines.Inputs
	room *room
	at   []time.Time
}

func (b *readings) Read() ([]bool, error) {
	b.room.mu.Lock()
	defer b.room.mu.Unlock()
	b.at = append(b.at, time.Now())
	return b.Inputs.Read()
}

// inStep returns a room that records, with a card that delivers a block every 80 ms, and the
// readings of its lines from now on. There is no sense line, so only the hold-back asks for
// readings.
func inStep(t *testing.T) (*room, *readings) {
	r := newRoom(t, "room")
	r.front = simpanel.New(simpanel.Settings{Buttons: []simpanel.Button{{Party: "room"}}, StatusLight: true})
	r.lines = r.front.Buttons
	b := &readings{Inputs: r.lines, room: r}
	r.lines, r.mic.every = b, every
	r.boot()
	r.press("room")
	r.phase("recording", time.Second)
	pause(2 * time.Second)
	r.mu.Lock()
	defer r.mu.Unlock()
	b.at = nil
	return r, b
}

// Wake-ups cost a unit its power. A card that keeps its pace causes one for each block, and it
// serves the reading for the blocks before.
func TestLinesAreReadWhenABlockArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, b := inStep(t)
		_, block := r.mic.is()
		pause(4 * time.Second)
		r.mu.Lock()
		apart := 0
		for _, at := range b.at {
			if at.Sub(block)%every != 0 {
				apart++
			}
		}
		if n := len(b.at); n < 49 || n > 55 || apart > 5 { // some for other reasons
			t.Errorf("in 50 blocks the lines were read %d times, %d of them between blocks", n, apart)
		}
		r.mu.Unlock()
		r.finish()
	})
}

// Kept blocks are handed on twice a second.
func TestWhatIsKeptIsHandedOnTwiceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := inStep(t)
		e := r.encoders[0]
		handed := func() int {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.times
		}
		before := handed()
		pause(10 * time.Second)
		if n := handed() - before; n != 20 {
			t.Errorf("the encoder was woken %d times in 10 s, want 20", n)
		}
		r.finish()
	})
}

// A block is let through even if no other follows.
func TestBlocksThatStopAreLetThrough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := inStep(t)
		r.mic.set(func(m *mic) { m.stalled = true })
		pause(every)
		_, end := r.mic.is()
		pause(200 * time.Millisecond)
		r.press("room")
		r.phase("idle", 5*time.Second)
		if _, last := r.span(r.kept(0)); since(end, last) != -time.Millisecond {
			t.Errorf("the last sample is %s from the end of the last block", since(end, last))
		}
		r.finish()
	})
}

// A stop, like any end, keeps what is proved and does not wait for more. The last block, which no
// reading has proved yet, is dropped.
func TestStopKeepsWhatIsProved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := inStep(t)
		_, end := r.mic.is()
		pause(time.Until(end.Add(every + debounce + time.Millisecond)))
		_, end = r.mic.is()
		r.finish()
		if _, last := r.span(r.kept(0)); since(end, last) != -every-time.Millisecond {
			t.Errorf("the last sample is %s from the end of the last block", since(end, last))
		}
	})
}
