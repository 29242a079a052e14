package mqtt

import (
	"bytes"
	"slices"
	"sync"
)

// message is one MQTT message on its way out.
type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
	event    bool // must arrive; everything else is said again on the next connect
}

// outbox holds what the broker still has to hear, in order. It is the only thing that callers and
// the connection share.
//
// Of a whole-state topic (state, alerts, ledger, …) only the latest payload is kept: a newer one
// takes the place of one that still waits. Events wait in order, at most limit of them; then the
// oldest goes and is counted. So the outbox is bounded by limit and the number of topics, however
// long the broker is away.
//
// One message at a time is in flight: next takes it out, done says how it went.
type outbox struct {
	limit  int
	notify chan struct{} // holds one: there may be something to do

	mu      sync.Mutex
	latest  map[string][]byte // guarded by mu; whole-state topics, as last said
	queue   []message         // guarded by mu; whole-state messages without payload
	events  int               // guarded by mu; of them in queue
	flying  *message          // guarded by mu
	dropped uint64            // guarded by mu; events, since the start
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, notify: make(chan struct{}, 1), latest: make(map[string][]byte)}
}

func (o *outbox) wake() {
	select {
	case o.notify <- struct{}{}:
	default:
	}
}

// set gives a whole-state topic a new payload. The same payload again is no news.
func (o *outbox) set(topic string, payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old, said := o.latest[topic]; said && bytes.Equal(old, payload) {
		return
	}
	o.latest[topic] = payload
	o.enqueue(topic)
}

// again has topics said once more, those that have been said at all.
func (o *outbox) again(topics ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, topic := range topics {
		if _, said := o.latest[topic]; said {
			o.enqueue(topic)
		}
	}
}

// enqueue puts a whole-state topic last, unless it waits already. mu is held.
func (o *outbox) enqueue(topic string) {
	if !slices.ContainsFunc(o.queue, func(m message) bool { return !m.event && m.topic == topic }) {
		o.queue = append(o.queue, whole(topic))
	}
	o.wake()
}

func whole(topic string) message { return message{topic: topic, qos: 1, retained: true} }

// push adds an event.
func (o *outbox) push(topic string, payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.events >= o.limit {
		oldest := slices.IndexFunc(o.queue, func(m message) bool { return m.event })
		o.queue = slices.Delete(o.queue, oldest, oldest+1)
		o.events--
		o.dropped++
	}
	o.queue = append(o.queue, message{topic: topic, payload: payload, qos: 1, event: true})
	o.events++
	o.wake()
}

// greet begins anew after a connect: first the given topics, in this order, those that have been
// said at all; then the events that still wait.
func (o *outbox) greet(topics []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	events := slices.DeleteFunc(o.queue, func(m message) bool { return !m.event })
	o.queue = make([]message, 0, len(topics)+len(events))
	for _, topic := range topics {
		if _, said := o.latest[topic]; said {
			o.queue = append(o.queue, whole(topic))
		}
	}
	o.queue = append(o.queue, events...)
}

// next takes out the message that is to be sent now. It stays in flight until done is called.
func (o *outbox) next() (message, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) == 0 {
		return message{}, false
	}
	m := o.queue[0]
	o.queue = slices.Delete(o.queue, 0, 1)
	if m.event {
		o.events--
	} else {
		m.payload = o.latest[m.topic]
	}
	o.flying = &m
	return m, true
}

// done ends the flight. An event that didn't arrive goes back to the head of the queue, so the
// order holds and nothing is lost; it may arrive twice.
func (o *outbox) done(arrived bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.flying != nil && o.flying.event && !arrived {
		o.queue = slices.Insert(o.queue, 0, *o.flying)
		o.events++
	}
	o.flying = nil
}

// lost is how many events have been dropped since the start.
func (o *outbox) lost() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// said says whether a topic has a payload.
func (o *outbox) said(topic string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.latest[topic]
	return ok
}
