// Package mqtt tells the practice how the room's unit is: it keeps one MQTT broker up to date, and
// Home Assistant with it. The names and payloads are package topic's.
//
//	c, err := mqtt.New(mqtt.Options{Broker: "mqtts://broker.lan", Site: "high-street", Room: "room-3", …})
//	go c.Run(ctx)
//	c.Publish(topic.State{…}) // whenever something may have changed
//	c.Event(topic.Event{Type: topic.Started, Recording: id})
//
// Promises:
//
//   - A broker can do nothing to the unit. It is told things; of what it says
//     only Home Assistant's birth on one topic is heard, and the answer to that
//     is to say the state again. Frames are bounded and vetted before the MQTT
//     library sees them. A broker that is slow, dead, hostile or never there
//     costs the caller nothing: no method blocks.
//   - The broker is right soon. It is tried for ever, from the first connect on,
//     with growing pauses that stay below a heartbeat. On every connect it is
//     told all there is: discovery, state, alerts, and then online. A broker
//     that has forgotten everything is right again within a heartbeat.
//   - What is wrong is told apart: a broker that isn't reached, one that refuses
//     the unit, one that isn't who it should be, files that can't be used
//     (Trouble.Code). Passwords and certificates are read again before each
//     attempt to connect.
//   - What a broker doesn't let the unit do is left out, and said (Report.Limits):
//     a topic, retained messages, QoS 1, a last will. Only without state and
//     availability the unit isn't online. Probe finds out the same by the same
//     code. A broker that was set right gets all with the next connection.
//   - The last word is the newest. Of a state that changed while the broker was
//     away only the latest is sent, nothing that a former process left behind.
//     Events are sent in order, each until it is acknowledged; while the broker
//     is away 1,000 of them wait, then the oldest are dropped and counted.
//   - A state that says nothing new is not published again: neither its time nor
//     its number moves.
package mqtt

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/topic"
)

// Options are plain values, but for what may change while the unit runs.
type Options struct {
	Broker   string // mqtt://host[:1883] or mqtts://host[:8883]
	Username string
	// Credentials is called before each attempt to connect, on a goroutine of its own: what
	// somebody corrects counts without a restart. Nil: there are none.
	Credentials func() (Credentials, error)

	Site, Room    string // [a-z0-9-]{1,32}
	RoomName      string // as people call it, for Home Assistant
	HomeAssistant string // discovery prefix; "": none, and nothing is subscribed to
	Version       string // the software's
	Boot          string // new with each start; "": made here
	Stores        []string
	Codes         []string // every warning that there is: the topics that alerts may use
	Notes         []string // those that need nobody
	Remedies      []string // every text that State's remedy may be
	Memory        Memory   // what Home Assistant was told last; nil: nothing is known

	Heartbeat time.Duration // 0: 30 s
	Queue     int           // events that wait while the broker is away; 0: 1,000

	// Report hears of every change of the connection. It runs on Run's goroutine and must not
	// block. May be nil.
	Report func(Report)
	Log    *slog.Logger // nil: slog.Default
}

// Report is how it stands with the broker.
type Report struct {
	Connected bool     // and told everything
	Trouble   *Trouble // why not; nil while connected, and before the first attempt has failed
	Limits    string   // while connected: what the broker does not let the unit do, for a person; "": nothing
	Dropped   uint64   // events dropped since the start, as too many waited
}

// Client tells one broker about one unit. All methods but Run may be called at any time from any
// goroutine, and return at once.
type Client struct {
	o      Options
	names  topic.Names
	broker *broker
	time   timing
	log    *slog.Logger
	out    *outbox
	birth  chan struct{} // holds one: Home Assistant has started
	// descriptions are the topics on which the unit is described to Home Assistant, or was.
	descriptions []string
	up           atomic.Bool

	// These are Run's alone.
	reported   Report
	logged     map[string]time.Time // when a line was last written
	replied    time.Time            // to Home Assistant
	manners    manners              // the broker's
	deaf       bool                 // the broker doesn't let us listen
	dropped    []message            // what the broker acknowledges, and drops
	asked      chan []message       // holds one: the same, of the present connection
	question   func()               // has the broker of this connection asked; see ask
	alone      bool                 // a probe, and no unit runs that it could push out
	unanswered step                 // what went out last with QoS 0, and nothing that was answered since
	askedAt    time.Time            // when
	describer  *describer
	probe      []message // what a probe says instead of all that a unit has to say; nil: this is the unit

	mu     sync.Mutex
	last   topic.State // guarded by mu; as published
	body   []byte      // guarded by mu; last without time and number
	seq    uint64      // guarded by mu; of last
	events uint64      // guarded by mu; made so far
}

// New checks the options; it connects to nothing.
func New(o Options) (*Client, error) {
	b, err := newBroker(o)
	if err != nil {
		return nil, err
	}
	if o.Boot == "" {
		o.Boot = rand.Text()[:10]
	}
	if o.Heartbeat == 0 {
		o.Heartbeat = 30 * time.Second
	}
	if o.Queue == 0 {
		o.Queue = 1000
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	c := &Client{
		o: o, broker: b, time: standardTiming, log: o.Log, out: newOutbox(o.Queue),
		birth: make(chan struct{}, 1), asked: make(chan []message, 1), logged: make(map[string]time.Time),
		names: topic.Names{Site: o.Site, Room: o.Room, HomeAssistant: o.HomeAssistant},
	}
	if err := c.prepare(); err != nil {
		return nil, err
	}
	return c, nil
}

// prepare says what holds from the beginning: online, no alerts, the description for Home
// Assistant.
func (c *Client) prepare() error {
	if err := c.names.Valid(); err != nil {
		return err
	}
	errs := []error{c.whole(c.names.Availability(), []byte(topic.Online))}
	for _, code := range c.o.Codes {
		errs = append(errs, c.whole(c.names.Alert(code), nil))
	}
	device := topic.Device{Names: c.names, RoomName: c.o.RoomName, Version: c.o.Version, Stores: c.o.Stores,
		Notes: c.o.Notes}
	var err error
	if c.describer, err = newDescriber(device, c.o.Memory); err != nil {
		return errors.Join(append(errs, err)...)
	}
	descriptions := c.describer.first()
	c.descriptions = slices.Sorted(maps.Keys(descriptions))
	for t, payload := range descriptions {
		errs = append(errs, c.whole(t, payload))
	}
	return errors.Join(errs...)
}

// whole gives a whole-state topic its payload, if that may be published.
func (c *Client) whole(name string, payload []byte) error {
	if err := c.names.Check(name, payload); err != nil {
		return err
	}
	c.out.set(name, payload)
	return nil
}

// complain logs what should have been published and must not. It is a fault of ours, and the broker
// keeps what it had.
func (c *Client) complain(err error) {
	if err != nil {
		c.log.Error("not published", "err", err)
	}
}

// Publish says how the unit is now. Boot and Seq are filled in, and Time if it is zero. A state
// that looks no different from outside is not published.
func (c *Client) Publish(s topic.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := s.Time
	if at.IsZero() {
		at = time.Now()
	}
	if s.Since.IsZero() {
		s.Since = at
	}
	if c.body != nil && s.Phase == c.last.Phase {
		s.Since = c.last.Since
	}
	s.Boot, s.Seq, s.Time = c.o.Boot, 0, time.Time{}
	body, err := s.MarshalJSON()
	if err == nil && bytes.Equal(body, c.body) {
		return
	}
	s.Seq, s.Time = c.seq+1, at
	if err == nil && s.Remedy != "" && !slices.Contains(c.o.Remedies, s.Remedy) {
		err = errors.New("a remedy that isn't declared")
	}
	if err != nil {
		c.complain(err)
		return
	}
	payload, err := s.MarshalJSON()
	if err == nil {
		err = c.whole(c.names.State(), payload)
	}
	if err != nil {
		c.complain(err)
		return
	}
	c.last, c.body, c.seq = s, body, s.Seq
}

// Alerts says which warnings are up, with a text for a person each. Every other declared code is
// over.
func (c *Client) Alerts(up map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := 0
	for _, code := range c.o.Codes {
		text, there := up[code]
		if there {
			known++
			text = cmp.Or(text, code) // empty would mean that it is over
		}
		c.complain(c.whole(c.names.Alert(code), []byte(topic.OneLine(text))))
	}
	if known < len(up) {
		c.complain(errors.New("alert with a code that isn't declared"))
	}
}

// Event says that something has happened. The ID is filled in, and Time if it is zero.
func (c *Client) Event(e topic.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.ID = topic.EventID(c.o.Boot, c.events+1)
	payload, err := e.MarshalJSON()
	if err == nil {
		err = c.names.Check(c.names.Event(), payload)
	}
	if err != nil {
		c.complain(err)
		return
	}
	c.events++
	c.out.push(c.names.Event(), payload)
}

// Ledger hands the witness what it has to remember. Time is filled in if it is zero.
func (c *Client) Ledger(l topic.Ledger) {
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	payload, err := l.MarshalJSON()
	if err == nil {
		err = c.whole(c.names.Ledger(), payload)
	}
	c.complain(err)
}

// Connected says whether the broker is there and has been told everything.
func (c *Client) Connected() bool { return c.up.Load() }
