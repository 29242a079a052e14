package mqtt

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tacet/daemon/topic"
)

// Options configure a Client.
type Options struct {
	Broker   string // mqtt://host[:1883] or mqtts://host[:8883]
	Username string
	// Credentials is called before each attempt to connect, on its own goroutine, so a corrected
	// file needs no restart. Nil: no credentials.
	Credentials func() (Credentials, error)

	Site, Room    string // [a-z0-9-]{1,32}
	RoomName      string // for people, in Home Assistant
	HomeAssistant string // discovery prefix; "": no discovery and no subscription
	Version       string // of the software
	Boot          string // identifies this start; "": New makes one
	Stores        []string
	Codes         []string         // every declared warning: the topics of the alerts
	Notes         []string         // those of them that need no action
	Description   DescriptionStore // may be nil

	Heartbeat time.Duration // 0: 30 s
	Queue     int           // the most events that wait while the broker is away; 0: 1,000

	// Dial opens a TCP connection to host:port; nil: the network's. Simulated rooms lose theirs.
	Dial func(ctx context.Context, address string) (net.Conn, error)

	// Report is called for every change of the connection, on Run's goroutine. It must not block
	// and may be nil.
	Report func(Report)
	Log    *slog.Logger // nil: slog.Default
}

// Client publishes one unit's status to one broker. All methods except Run may be called at any
// time from any goroutine, and return at once.
type Client struct {
	o      Options
	names  topic.Names
	broker *broker
	time   timing
	log    *slog.Logger
	out    *outbox
	birth  chan struct{} // capacity 1: Home Assistant has started
	// discoveryTopics are the present discovery topic and a former one that must be emptied, if
	// any.
	discoveryTopics []string
	up              atomic.Bool // the greeting is complete

	// Only Run's goroutine uses these.
	reported    Report
	loggedAt    map[string]time.Time // by the line's subject
	answeredAt  time.Time            // the last answer to Home Assistant's birth
	negotiation negotiation
	// notSubscribed: the broker refused the subscription.
	notSubscribed bool
	dropped       []message      // messages that the broker acknowledges and drops
	verdicts      chan []message // capacity 1: the same, found on the present connection
	checkDrops    func()         // finds them, in the background
	lastQoS0      step           // the last message with QoS 0, if nothing was acknowledged since
	lastQoS0At    time.Time
	describer     *describer
	alone         bool      // a probe while no unit runs, which would lose its connection
	probe         []message // what a probe publishes; nil: this is the unit

	mu     sync.Mutex
	last   topic.State // guarded by mu; as published
	body   []byte      // guarded by mu; last without its time and number
	seq    uint64      // guarded by mu; of last
	events uint64      // guarded by mu; published since the start
}

// New checks the options. It opens no connection.
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
		birth: make(chan struct{}, 1), verdicts: make(chan []message, 1), loggedAt: make(map[string]time.Time),
		names: topic.Names{Site: o.Site, Room: o.Room, HomeAssistant: o.HomeAssistant},
	}
	if err := c.setInitial(); err != nil {
		return nil, err
	}
	return c, nil
}

// setInitial publishes what holds from the start: online, no alerts, the description for Home
// Assistant.
func (c *Client) setInitial() error {
	if err := c.names.Valid(); err != nil {
		return err
	}
	device := topic.Device{Names: c.names, RoomName: c.o.RoomName, Version: c.o.Version, Stores: c.o.Stores,
		Notes: c.o.Notes}
	var err error
	if c.describer, err = newDescriber(device, c.o.Description); err != nil {
		return err
	}
	c.out.set(c.names.Availability(), []byte(topic.Online))
	for _, code := range c.o.Codes {
		c.out.set(c.names.Alert(code), nil)
	}
	descriptions := c.describer.initial()
	c.discoveryTopics = slices.Sorted(maps.Keys(descriptions))
	for name, payload := range descriptions {
		c.out.set(name, payload)
	}
	return nil
}
