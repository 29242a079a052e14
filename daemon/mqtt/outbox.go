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
	event    bool // sent until acknowledged; everything else is sent again on the next connect
}

// outbox holds the messages that the broker has not received yet, in order. It is all that callers
// and the connection share.
//
// Of a retained topic (state, alerts, ledger, …) it keeps only the latest payload. Events wait in
// order, at most limit of them; then the oldest is dropped and counted. So the outbox is bounded by
// limit and the number of topics, however long the broker is away.
//
// One message at a time is in flight: next takes it out, done reports the result.
type outbox struct {
	limit  int
	notify chan struct{} // capacity 1: something may have changed

	mu       sync.Mutex
	latest   map[string][]byte // guarded by mu; the payloads of retained topics
	queue    []message         // guarded by mu; retained messages without their payload
	events   int               // guarded by mu; the number of events in queue
	inFlight *message          // guarded by mu
	dropped  uint64            // guarded by mu; events dropped since the start
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

// set gives a retained topic a new payload. Nothing is sent if it has not changed.
func (o *outbox) set(topic string, payload []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old, known := o.latest[topic]; known && bytes.Equal(old, payload) {
		return
	}
	o.latest[topic] = payload
	o.enqueue(topic)
}

// resend queues those of the topics that have a payload.
func (o *outbox) resend(topics ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, topic := range topics {
		if _, known := o.latest[topic]; known {
			o.enqueue(topic)
		}
	}
}

// enqueue appends a retained topic, unless it waits already. mu is held.
func (o *outbox) enqueue(topic string) {
	if !slices.ContainsFunc(o.queue, func(m message) bool { return !m.event && m.topic == topic }) {
		o.queue = append(o.queue, retainedMessage(topic))
	}
	o.wake()
}

func retainedMessage(topic string) message { return message{topic: topic, qos: 1, retained: true} }

// addEvent appends an event.
func (o *outbox) addEvent(topic string, payload []byte) {
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

// restart sets the order after a connect: first those of the given topics that have a payload, then
// the events that still wait.
func (o *outbox) restart(topics []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	events := slices.DeleteFunc(o.queue, func(m message) bool { return !m.event })
	o.queue = make([]message, 0, len(topics)+len(events))
	for _, topic := range topics {
		if _, known := o.latest[topic]; known {
			o.queue = append(o.queue, retainedMessage(topic))
		}
	}
	o.queue = append(o.queue, events...)
}

// next takes out the message to send now. It is in flight until done is called.
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
	o.inFlight = &m
	return m, true
}

// done reports whether the message in flight was acknowledged. If not, an event returns to the head
// of the queue: the order holds and none is lost, but one may arrive twice.
func (o *outbox) done(acknowledged bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.inFlight != nil && o.inFlight.event && !acknowledged {
		o.queue = slices.Insert(o.queue, 0, *o.inFlight)
		o.events++
	}
	o.inFlight = nil
}

// droppedEvents is the number of events dropped since the start.
func (o *outbox) droppedEvents() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.dropped
}

// has reports whether a topic has a payload.
func (o *outbox) has(topic string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, ok := o.latest[topic]
	return ok
}
