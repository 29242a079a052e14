package mqtt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"time"

	"tacet/daemon/topic"
)

// Publish publishes the state of the unit, if it says anything new. Boot and Seq are filled in, and
// Time if it is zero.
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
	body, ok := c.encode(s)
	if !ok || bytes.Equal(body, c.body) {
		return
	}
	s.Seq, s.Time = c.seq+1, at
	payload, ok := c.encode(s)
	if !ok {
		return
	}
	c.out.set(c.names.State(), payload)
	c.last, c.body, c.seq = s, body, s.Seq
}

// Alerts publishes the warnings that are up, by code, each with a text for a person. All other
// declared codes are cleared.
func (c *Client) Alerts(up map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	declared := 0
	for _, code := range c.o.Codes {
		text, present := up[code]
		if present {
			declared++
			text = cmp.Or(text, code) // an empty payload would clear it
		}
		c.out.set(c.names.Alert(code), []byte(topic.OneLine(text)))
	}
	if declared < len(up) {
		c.log.Error("not published", "err", errors.New("an alert has an undeclared code"))
	}
}

// Event publishes an event. The ID is filled in, and Time if it is zero.
func (c *Client) Event(e topic.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.ID = topic.EventID(c.o.Boot, c.events+1)
	if payload, ok := c.encode(e); ok {
		c.events++
		c.out.addEvent(c.names.Event(), payload)
	}
}

// Ledger publishes what a witness has to remember. Time is filled in if it is zero.
func (c *Client) Ledger(l topic.Ledger) {
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	if payload, ok := c.encode(l); ok {
		c.out.set(c.names.Ledger(), payload)
	}
}

// encode logs an error, which would be a bug: the broker then keeps what it has.
func (c *Client) encode(payload json.Marshaler) (data []byte, ok bool) {
	data, err := payload.MarshalJSON()
	if err != nil {
		c.log.Error("not published", "err", err)
	}
	return data, err == nil
}
