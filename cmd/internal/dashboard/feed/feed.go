// Package feed connects the dashboard to one broker. It hands on what the units publish, in order,
// and answers the broker (PUBACK) only when the message was stored.
//
//	f, err := feed.New(feed.Options{Broker: "mqtts://broker.lan", ClientID: "tacet-dashboard", Out: events})
//	go f.Run(ctx)
//	for e := range events { …; e.Done() }
//
// The session is persistent, under a fixed client identifier: what the units publish with QoS 1
// while the dashboard is away waits at the broker. It subscribes site by site, since a broker gives
// a client a limited number of retained messages at a time, and silently drops the rest.
//
// Promises:
//
//   - A message is acknowledged after its Done and not before, in the order of arrival.
//   - Memory is bounded, whatever the broker sends: see wire and budget.
//   - It never publishes anything.
package feed

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// Options say which broker, and who we are there.
type Options struct {
	Broker   string // mqtt://host[:port] or mqtts://host[:port]
	Name     string // for people; empty: host:port
	Username string
	// Credentials reads the password and the broker's authority; it is called before each attempt, so
	// that a corrected file is noticed. Nil: there are none.
	Credentials func() (mqtt.Credentials, error)
	ClientID    string
	Sites       []Site // to subscribe to, one after the other; empty: all at once
	// Session: the broker should still know the session, with the subscriptions in Filters.
	Session bool
	Filters []string
	// Subscribed is called when the subscriptions are made, before any later message is handed on, so
	// that they can be remembered for Session and Filters. May be nil.
	Subscribed func(filters []string)
	// Missing returns the rooms of which the broker should have a state and has not sent one yet. They
	// are asked for one by one. May be nil.
	Missing func() []practice.RoomID
	// Out takes what happens. Whoever reads it must not wait for the feed.
	Out chan<- Event
	Log *slog.Logger
}

// Site is a site of the practice.
type Site struct {
	ID    string
	Rooms int // how many it should have
}

// Event is something that happened at a broker. It is a Message, or else a Status.
type Event struct {
	Broker  string // Name
	Message *practice.Message
	Status  *Status
	done    func()
}

// Delivered is a message that came in another way than over a Feed. done is called when it was
// dealt with.
func Delivered(broker string, m *practice.Message, done func()) Event {
	return Event{Broker: broker, Message: m, done: done}
}

// Done says that the event was dealt with: a message is now acknowledged. It never blocks, and is
// called once, from any goroutine; for the messages of a broker, in their order.
func (e Event) Done() {
	if e.done != nil {
		e.done()
	}
}

// NewEvent returns an event with a message, for tests of those who take them.
func NewEvent(broker string, m *practice.Message, done func()) Event {
	return Event{Broker: broker, Message: m, done: done}
}

// Status is the state of the connection.
type Status struct {
	At      time.Time
	Up      bool
	Forgot  bool   // the broker has lost our session, so events may be missed
	Trouble string // why there is no connection; empty if it is up
	Advice  string // what to do about it, or a warning about a broker that is up
	// Complete: we have subscribed to everything, and have got what the broker had kept.
	Complete bool
}

// Feed is the connection to one broker.
type Feed struct {
	o       Options
	address topic.Address
	time    timing
	budget  *budget
	session bool     // the broker should know us
	filters []string // that it should have
}

type timing struct {
	connect, answer, keepAlive time.Duration
	retryMin, retryMax         time.Duration
	lull                       time.Duration // without a retained message: all of a subscription have come
	settle                     time.Duration // the most to wait for a lull
}

var standardTiming = timing{connect: 8 * time.Second, answer: 10 * time.Second, keepAlive: 30 * time.Second,
	retryMin: time.Second, retryMax: 15 * time.Second, lull: 20 * time.Millisecond, settle: 10 * time.Second}

// New checks the options.
func New(o Options) (*Feed, error) {
	a, err := topic.ParseAddress(o.Broker)
	if err != nil {
		return nil, fmt.Errorf("the broker's address: %w", err)
	}
	if err := topic.ValidUsername(o.Username); err != nil {
		return nil, err
	}
	o.Name = cmp.Or(o.Name, a.Dial())
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Feed{o: o, address: a, time: standardTiming, budget: newBudget(), session: o.Session, filters: o.Filters}, nil
}

// Run keeps the connection until ctx ends, and then leaves without ending the session.
func (f *Feed) Run(ctx context.Context) {
	f.tell(ctx, Status{Trouble: "not connected yet"})
	wait := f.time.retryMin
	for ctx.Err() == nil {
		began := time.Now()
		err := f.once(ctx)
		if ctx.Err() != nil {
			return
		}
		what, advice := explain(err)
		f.o.Log.Warn("no connection to the broker", "broker", f.o.Name, "err", what)
		f.tell(ctx, Status{Trouble: what, Advice: advice})
		if time.Since(began) > time.Minute {
			wait = f.time.retryMin
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		wait = min(2*wait, f.time.retryMax)
	}
}

// tell hands on a status, which waits its turn after the messages before it.
func (f *Feed) tell(ctx context.Context, s Status) {
	s.At = time.Now()
	select {
	case f.o.Out <- Event{Broker: f.o.Name, Status: &s}:
	case <-ctx.Done():
	}
}

// once is one connection, from its start to its end.
func (f *Feed) once(ctx context.Context) error {
	l, err := f.open(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	forgot := f.session && !l.present
	f.o.Log.Info("connected to the broker", "broker", f.o.Name, "session", l.present)
	f.tell(ctx, Status{Up: true, Forgot: forgot})
	l.ready() // messages may come now
	advice, err := f.subscribe(ctx, l)
	if err != nil {
		return err
	}
	f.tell(ctx, Status{Up: true, Complete: true, Advice: advice})
	select {
	case <-l.wire.dead:
		return l.wire.err
	case <-ctx.Done():
		l.paho.Disconnect(250)
		return ctx.Err()
	}
}
