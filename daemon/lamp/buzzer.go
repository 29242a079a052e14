package lamp

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// toneTime is the length of a tone, and of the silence after it.
	toneTime = 150 * time.Millisecond
	// silenceAgain is the pause before another try to silence a buzzer that could not be.
	silenceAgain = 5 * time.Second
)

// Buzzer makes a tone from On to Off. Both return once the line has been driven.
type Buzzer interface {
	On() error
	Off() error
}

// Tone is what a buzzer is asked to sound.
type Tone int

const (
	OneTone  Tone = 1 // it records
	TwoTones Tone = 2 // the recording has ended
)

// BuzzerDriver sounds tones. A tone that is sounding is completed; if several are asked for
// meanwhile, only the last one counts. Its methods do not block; they are called by one goroutine.
type BuzzerDriver struct {
	buzzer  Buzzer
	post    func(event any)
	started time.Time
	next    chan Tone
	busy    atomic.Int64 // start of the call that is under way, in ns after started; 0: none is
}

// Sounded reports that the buzzer has sounded and is silent again, or why not.
type Sounded struct{ Err error }

// NewBuzzer returns a driver that posts its events to one function, which may block.
func NewBuzzer(b Buzzer, post func(event any)) *BuzzerDriver {
	return &BuzzerDriver{buzzer: b, post: post, started: time.Now(), next: make(chan Tone, 1)}
}

// Sound asks for a tone. It replaces one that has not begun to sound.
func (d *BuzzerDriver) Sound(t Tone) {
	select {
	case <-d.next:
	default:
	}
	d.next <- t
}

// Busy returns how long a call on the buzzer has been under way; 0 if none is.
func (d *BuzzerDriver) Busy() time.Duration { return since(d.started, &d.busy) }

// Run sounds tones until ctx ends, then the one that was asked for last, and leaves the buzzer
// silent.
func (d *BuzzerDriver) Run(ctx context.Context) {
	var again <-chan time.Time // set while the buzzer could not be silenced
	report := func(err, loud error) {
		again = nil
		if loud != nil {
			err, again = loud, time.After(silenceAgain)
		}
		d.post(Sounded{err})
	}
	for {
		select {
		case t := <-d.next:
			report(d.sound(t))
		case <-again:
			report(nil, d.off())
		case <-ctx.Done():
			select {
			case t := <-d.next:
				report(d.sound(t))
			default:
				if again != nil {
					_ = d.off() // reported already
				}
			}
			return
		}
	}
}

// sound makes the tones, and a silence after each. Loud is why the buzzer may still sound.
func (d *BuzzerDriver) sound(t Tone) (err, loud error) {
	for range t {
		on := timed(d.started, &d.busy, d.buzzer.On)
		if on == nil {
			<-time.After(toneTime)
		}
		if loud = d.off(); on != nil || loud != nil {
			return on, loud
		}
		<-time.After(toneTime)
	}
	return nil, nil
}

func (d *BuzzerDriver) off() error { return timed(d.started, &d.busy, d.buzzer.Off) }
