// Package mqtt keeps one MQTT broker, and Home Assistant through it, informed about the unit.
// Package topic defines the topics and the payloads.
//
//	c, err := mqtt.New(mqtt.Options{Broker: "mqtts://broker.lan", Site: "high-street", Room: "room-3", …})
//	go c.Run(ctx)
//	c.Publish(topic.State{…}) // whenever something may have changed
//	c.Event(topic.Event{Type: topic.Started, Recording: id})
//
// Promises:
//
//   - A broker can't affect the unit. The unit listens to one topic, Home Assistant's birth
//     message, and its only reaction is to publish its state again. Frames are bounded and checked
//     before the MQTT library sees them. No method blocks, however slow, broken or hostile the
//     broker is.
//   - Retained topics converge within one heartbeat of the broker's return. The client reconnects
//     for ever, with growing pauses that stay below a heartbeat. On every connect it publishes
//     discovery, state, alerts and then online, so a broker that has lost everything is complete
//     again.
//   - Three words have one meaning each: a broker that refuses the unit, or loses its state, is denied
//     (Denied); one that accepts its state but refuses or loses other messages is limited
//     (Report.Limits); and events that the client itself gives up are dropped (Report.Dropped).
//   - Trouble.Code tells four causes apart: a broker that can't be reached, one that refuses the
//     unit, one whose identity is wrong, and credential files that can't be used. Passwords and
//     certificates are read again before every attempt to connect.
//   - The client does without what a broker doesn't allow, and reports it (Report.Limits): a topic,
//     retained messages, QoS 1, a last will. Only state and availability are indispensable. Probe
//     finds the same limits with the same code. Every new connection tries everything again.
//   - Only the latest state is sent after the broker was away, never one of a former process.
//     Events are sent in order, each until it is acknowledged; 1,000 of them wait while the broker
//     is away, then the oldest are dropped and counted.
//   - Retained is the office's: it reads what units publish, and publishes nothing.
//   - A state that says nothing new is not published again: neither its time nor its number changes.
package mqtt
