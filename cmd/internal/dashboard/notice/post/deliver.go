package post

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
)

// How long a channel that fails is left alone, and how often a letter that is refused for good is
// tried.
const (
	firstWait = 10 * time.Second
	longest   = 5 * time.Minute
	refusals  = 3
)

// farewell is how long a letter that is being sent may take after ctx has ended, so that an orderly
// stop does not send it twice.
const farewell = 5 * time.Second

// deliver sends letters, one at a time.
func (p *Office) deliver(ctx context.Context) {
	sending, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(farewell, stop) })()
	for ctx.Err() == nil {
		b, key, next := p.pick(time.Now())
		if b != nil {
			p.sendOne(sending, b, key)
			continue
		}
		due := time.NewTimer(time.Until(next))
		select {
		case <-due.C:
		case <-p.post:
		case <-ctx.Done():
		}
		due.Stop()
	}
}

// pick returns the oldest letter of the channel that has waited longest, or when to look again.
func (p *Office) pick(now time.Time) (_ *box, key string, next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next = now.Add(time.Hour)
	var best *box
	for _, b := range p.boxes {
		switch {
		case len(b.keys) == 0:
		case b.next.After(now):
			if b.next.Sub(now) > longest { // the clock was set back
				b.next = now.Add(longest)
			}
			if b.next.Before(next) {
				next = b.next
			}
		case best == nil || b.next.Before(best.next):
			best = b
		}
	}
	if best == nil {
		return nil, "", next
	}
	return best, best.keys[0], next
}

// sendOne sends a letter and removes it. An error that is about the channel delays the channel.
func (p *Office) sendOne(ctx context.Context, b *box, key string) {
	var l letter
	value, err := p.o.Store.Get(ctx, outboxKind, key)
	if err == nil && (value == nil || json.Unmarshal(value, &l) != nil) {
		p.o.Log.Error("a notice can't be read, and is removed", "recipient", b.Shown, "key", key)
		p.taken(ctx, b, key)
		return
	}
	if err == nil {
		err = b.Sender.Send(ctx, l.Message)
	}
	switch {
	case err == nil:
		p.taken(ctx, b, key)
		p.worked(b)
		return
	case ctx.Err() != nil:
		return
	case errors.Is(err, send.ErrRefused):
		if l.Tries++; l.Tries >= refusals {
			p.o.Log.Error("a notice is set aside", "recipient", b.Shown, "subject", l.Message.Subject, "err", err,
				"hint", send.Advice(err))
			p.taken(ctx, b, key)
			p.mu.Lock()
			b.aside++
			b.trouble, b.advice = err.Error(), send.Advice(err)
			p.mu.Unlock()
			return
		}
		if stored := p.o.Store.Update(ctx, func(tx Tx) error {
			return tx.Put(outboxKind, key, encode(l))
		}); stored != nil {
			err = errors.Join(err, stored)
		}
	}
	p.failed(b, err)
}

// taken removes a letter that has been sent, or never will be.
func (p *Office) taken(ctx context.Context, b *box, key string) {
	for {
		err := p.remove(ctx, key)
		if err == nil || ctx.Err() != nil {
			break
		}
		p.o.Log.Error("a notice that was sent can't be removed, and may be sent again after a restart", "err", err)
		pause := time.NewTimer(firstWait)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b.keys = b.keys[1:]
}

func (p *Office) worked(b *box) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.last, b.next, b.wait = time.Now(), time.Now(), 0
	if !b.failing.IsZero() {
		p.o.Log.Info("notices are taken again", "recipient", b.Shown, "after", time.Since(b.failing).Round(time.Second))
	}
	b.failing, b.trouble, b.advice = time.Time{}, "", ""
}

func (p *Office) failed(b *box, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b.wait = min(max(2*b.wait, firstWait), longest)
	b.next = time.Now().Add(b.wait)
	if b.failing.IsZero() {
		b.failing = time.Now()
		p.o.Log.Error("notices are not taken", "recipient", b.Shown, "err", err, "hint", send.Advice(err))
	}
	b.trouble, b.advice = err.Error(), send.Advice(err)
}

// Status is how a channel does.
type Status struct {
	Name    string // for people
	Waiting int
	Failing time.Time // since when nothing is taken; zero: it works
	Last    time.Time // the latest letter that was taken since the start; zero: none
	Trouble string
	Advice  string
	Aside   int // letters that were refused for good since the start
}

// Status returns how each channel does.
func (p *Office) Status() []Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []Status
	for _, b := range p.boxes {
		all = append(all, Status{Name: b.Shown, Waiting: len(b.keys), Failing: b.failing, Last: b.last, Trouble: b.trouble,
			Advice: b.advice, Aside: b.aside})
	}
	return all
}

// Result is how a test message did.
type Result struct {
	Name string // for people
	Err  error
}

// Test sends a test message to every channel, past all queues.
func Test(ctx context.Context, channels []send.Channel, link string, now time.Time) []Result {
	id := rand.Text()
	var all []Result
	for _, c := range channels {
		m := notice.Message{
			V: 1, ID: id, Thread: id, Kind: notice.Test, Rule: "test", Time: now, Link: link,
			Subject: "Test: notices of the dashboard arrive",
			Text: "Somebody at the dashboard has sent this to see whether it arrives. Nothing needs to be done.\n\n" +
				"From now on you get a word when a room needs a hand.\n",
		}
		all = append(all, Result{c.Shown, c.Sender.Send(ctx, m)})
	}
	return all
}
