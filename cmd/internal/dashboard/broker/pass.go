package broker

import (
	"bytes"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/dashboard/practice"
)

// pass hands a message on to the dashboard, and waits until its disk has it if wait. It fails when
// the broker ends: then the message is not acknowledged.
func (b *Broker) pass(name string, payload []byte, wait bool) error {
	stored := make(chan struct{})
	e := feed.Delivered(Name, &practice.Message{Broker: Name, Topic: name, Payload: bytes.Clone(payload), At: time.Now()},
		func() { close(stored) })
	select {
	case b.out <- e:
	case <-b.ending:
		return packets.ErrRejectPacket
	}
	if !wait {
		return nil
	}
	select {
	case <-stored:
		return nil
	case <-b.ending:
		return packets.ErrRejectPacket
	}
}
