// Package post runs the engine of package notice: it stores what the engine decides, and then sends
// it.
//
//	office, err := post.Open(ctx, post.Options{Store: db, …})
//	office.See(sights...)        // whenever something has changed; never waits
//	err = office.Run(ctx)        // until ctx ends
//
// A message and the state that it comes from are stored in one transaction, one letter for each
// channel; then the letters are sent, each channel's in order, one at a time; and a letter that was
// taken is removed. So a kill at any time loses none, and at most the letter that was being sent is
// sent again, with the same ID.
//
// A channel that fails is tried again, at longer and longer intervals, while the others go on. Its
// queue is bounded: what has no space is counted, and its number is the last letter. A letter that
// the server refuses for good is set aside after some tries, so that it does not hold up the others.
package post

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
)

// Options are what an Office works with.
type Options struct {
	Store    Store
	Rules    []notice.Rule
	Engine   notice.Options
	Channels []send.Channel
	Ping     *Ping // nil: none
	Queue    int   // the most letters that wait for one channel; 0: 1,000
	Log      *slog.Logger

	pace time.Duration // how often the engine runs at most; 0: pace
}

// Ping says how somebody outside learns that the dashboard runs.
type Ping struct {
	Every time.Duration
	Send  func(context.Context) error
	// Well returns why the dashboard is not well, and then nothing is sent. nil: it is.
	Well func() error
}

// Office runs the engine. Any goroutine may use it.
type Office struct {
	o    Options
	wake chan struct{} // something is in sights, forgotten or asked
	post chan struct{} // a letter was added

	engine *notice.Engine // of the goroutine of Run

	mu        sync.Mutex
	sights    map[notice.Subject]notice.Sight
	forgotten map[notice.Subject]bool
	asked     map[snoozed]time.Time
	boxes     []*box
	number    uint64 // of the latest letter
	snoozes   []Snooze
}

// box is the queue of a channel.
type box struct {
	send.Channel
	keys    []string // of the letters, oldest first
	full    string   // the key of the latest letter for messages that had no space
	left    int      // how many it stands for
	next    time.Time
	wait    time.Duration
	failing time.Time // since when; zero: it works
	last    time.Time // the latest letter that was taken
	trouble string
	advice  string
	aside   int // letters that were refused for good
}

// Open reads what is stored.
func Open(ctx context.Context, o Options) (*Office, error) {
	o.Queue, o.pace = cmp.Or(o.Queue, 1000), cmp.Or(o.pace, pace)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Office{
		o: o, wake: make(chan struct{}, 1), post: make(chan struct{}, 1),
		sights: map[notice.Subject]notice.Sight{}, forgotten: map[notice.Subject]bool{},
		asked: map[snoozed]time.Time{},
	}
	boxes := map[string]*box{}
	for _, c := range o.Channels {
		b := &box{Channel: c}
		boxes[c.Name] = b
		p.boxes = append(p.boxes, b)
	}
	var records []notice.Record
	if err := loadAll(ctx, o.Store, stateKind, func(r history.Record) {
		records = append(records, notice.Record(r))
	}); err != nil {
		return nil, err
	}
	var strange []string
	if err := loadAll(ctx, o.Store, outboxKind, func(r history.Record) {
		if !p.restore(boxes, r) {
			strange = append(strange, r.Key)
		}
	}); err != nil {
		return nil, err
	}
	if len(strange) > 0 {
		o.Log.Warn("notices wait for recipients that are not configured any more, and are removed", "notices", len(strange))
		if err := p.remove(ctx, strange...); err != nil {
			return nil, err
		}
	}
	p.engine = notice.New(o.Rules, records, o.Engine)
	p.snoozes = p.engine.Snoozes()
	return p, nil
}

// restore puts a stored letter into its queue. It reports whether there is one.
func (p *Office) restore(boxes map[string]*box, r history.Record) bool {
	channel, n := parseLetterKey(r.Key)
	b := boxes[channel]
	var l letter
	if b == nil || json.Unmarshal(r.Value, &l) != nil {
		return false
	}
	b.keys = append(b.keys, r.Key)
	if l.Left > 0 {
		b.full, b.left = r.Key, l.Left
	}
	p.number = max(p.number, n)
	return true
}

func (p *Office) remove(ctx context.Context, keys ...string) error {
	return p.o.Store.Update(ctx, func(tx Tx) error {
		for _, key := range keys {
			if err := tx.Delete(outboxKind, key); err != nil {
				return err
			}
		}
		return nil
	})
}

// See takes what is seen of rooms, brokers and the computer. It never waits.
func (p *Office) See(sights ...notice.Sight) {
	p.mu.Lock()
	for _, s := range sights {
		p.sights[s.Subject] = s
		delete(p.forgotten, s.Subject)
	}
	p.mu.Unlock()
	nudge(p.wake)
}

// Forget is for rooms that are no longer watched. It never waits.
func (p *Office) Forget(subjects ...notice.Subject) {
	p.mu.Lock()
	for _, s := range subjects {
		p.forgotten[s] = true
		delete(p.sights, s)
	}
	p.mu.Unlock()
	nudge(p.wake)
}

// Snooze mentions nothing new about a room until a time, or nothing about one of its faults. A time
// in the past ends it. It never waits.
func (p *Office) Snooze(s Snooze) {
	p.mu.Lock()
	p.asked[snoozed{s.Subject, s.Code}] = s.Until
	p.mu.Unlock()
	nudge(p.wake)
}

// snoozed is what a snooze is about.
type snoozed struct {
	subject notice.Subject
	code    notice.Code
}

// Snooze is a room, or one fault of it, about which nothing is said until a time.
type Snooze = notice.Snoozed

// Snoozes returns what is snoozed, by room.
func (p *Office) Snoozes() []Snooze {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.snoozes
}

// nudge wakes whoever waits for a channel of one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
