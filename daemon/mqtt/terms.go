package mqtt

import (
	"maps"
	"slices"
)

// terms are what the unit asks of a broker. The zero value asks for everything.
type terms struct {
	qos0     bool // no message is acknowledged
	noRetain bool // no message is retained
	noWill   bool
	without  map[kind]step // what is left out: the step in progress when the broker hung up, by its kind
}

// fallbacks are the terms on which the unit may still be seen, from the best to the worst.
var fallbacks = []terms{{}, {noRetain: true}, {qos0: true}, {qos0: true, noRetain: true}, {noWill: true},
	{qos0: true, noRetain: true, noWill: true}}

// fit returns the message as the terms allow it. wanted is false if they leave it out.
func (t terms) fit(m message, k kind) (fitted message, wanted bool) {
	if t.qos0 {
		m.qos = 0
	}
	if t.noRetain {
		m.retained = false
	}
	_, out := t.without[k]
	return m, !out
}

// limits describes, for a person, each thing that the terms do without.
func (t terms) limits() []string {
	var all []string
	if t.noRetain {
		all = append(all, "the broker hangs up on retained messages, so none is retained: "+
			"a new subscriber sees the room only after the next update, within 10 minutes")
	}
	if t.qos0 {
		all = append(all, "the broker hangs up on QoS 1, so everything is sent with QoS 0: messages may get lost unnoticed")
	}
	if t.noWill {
		all = append(all, "the broker hangs up on a last will, so the unit does not go offline there when it loses power")
	}
	for _, k := range slices.Sorted(maps.Keys(t.without)) {
		all = append(all, "the broker hangs up when the unit "+t.without[k].describe()+
			", so it goes on without "+consequence(k))
	}
	return all
}

// consequence completes "it goes on without …" for a kind that is left out.
func consequence(k kind) string {
	switch k {
	case discovery:
		return "discovery: Home Assistant does not find the unit by itself"
	case birth:
		return "it: after a restart, Home Assistant may not know the unit's state for 10 minutes"
	}
	return string(k) + " messages"
}
