package notice

import (
	"time"
)

// incident is a set of faults that were mentioned together. As JSON it is what is stored.
type incident struct {
	Last time.Time `json:"last"` // the latest message about it
}

// open starts an incident with all faults that fire and were not mentioned, once others that belong
// to them have had time to show.
func (e *Engine) open(d *desk, now time.Time) {
	fresh := d.sorted(func(k key, i *item) bool { return i.Phase == firing && i.Incident == "" && !e.quiet(k, now) })
	if len(fresh) == 0 {
		return
	}
	first := now
	for _, k := range fresh {
		if at := d.item(k).Fired; at.Before(first) {
			first = at
		}
	}
	if at := first.Add(d.Group); at.After(now) {
		e.due(at)
		return
	}
	if !e.spend(d, now) {
		return
	}
	id := e.o.NewID()
	d.incidents[id] = &incident{Last: now}
	e.dirty[incidentKey(d.Name, id)] = true
	for _, k := range fresh {
		d.item(k).Incident = id
		e.touch(d, k, d.item(k), now)
	}
	e.write(d, Message{ID: id, Thread: id, Kind: Alert}, fresh, now)
}

// quiet reports whether nothing may be said about a fault now.
func (e *Engine) quiet(k key, now time.Time) bool {
	return e.seats[k.Subject] == nil || !e.snoozed(k.Subject, k.Code, now).IsZero()
}

// members are the faults of an incident.
type members struct {
	up, over, closed []key // closed: of rooms that are closed now
}

// follow writes what is due about the incidents that are open.
func (e *Engine) follow(d *desk, now time.Time) {
	if len(d.incidents) == 0 {
		return
	}
	all := map[string]*members{}
	for id := range d.incidents {
		all[id] = &members{}
	}
	for _, k := range d.sorted(func(_ key, i *item) bool { return i.Incident != "" }) {
		i := d.item(k)
		m := all[i.Incident]
		switch seat := e.seats[k.Subject]; {
		case seat != nil && seat.closed:
			m.closed = append(m.closed, k)
		case i.Phase == over:
			m.over = append(m.over, k)
		default:
			m.up = append(m.up, k)
		}
	}
	for id, m := range all {
		e.followOne(d, id, m, now)
	}
}

func (e *Engine) followOne(d *desk, id string, m *members, now time.Time) {
	in := d.incidents[id]
	if in.Last.After(now) { // the clock was set back
		in.Last = now
	}
	switch {
	case len(m.up)+len(m.over)+len(m.closed) == 0:
		e.closeIncident(d, id)
	case len(m.up) == 0 && len(m.over) > 0:
		e.write(d, Message{ID: e.o.NewID(), Thread: id, Kind: Resolved}, append(m.over, m.closed...), now)
		e.settle(d, append(m.over, m.closed...), now)
		e.closeIncident(d, id)
	case len(m.up) > 0 && len(m.over) > 0 && e.lagging(d, m.over, now) && e.passed(in, d.Cooldown, now) && e.spend(d, now):
		e.write(d, Message{ID: e.o.NewID(), Thread: id, Kind: Update}, append(m.up, m.over...), now)
		e.settle(d, m.over, now)
		e.mention(d, id, now)
	case len(m.up) > 0 && d.Remind > 0 && !e.allQuiet(m.up, now) && e.passed(in, d.Remind, now) && e.spend(d, now):
		e.write(d, Message{ID: e.o.NewID(), Thread: id, Kind: Reminder}, m.up, now)
		e.mention(d, id, now)
	}
}

// passed reports whether d has passed since the latest message about an incident.
func (e *Engine) passed(in *incident, d time.Duration, now time.Time) bool {
	at := in.Last.Add(d)
	if at.After(now) {
		e.due(at)
		return false
	}
	return true
}

// lagging reports whether the others had a whole cool-down to follow the first that was over.
func (e *Engine) lagging(d *desk, over []key, now time.Time) bool {
	first := now
	for _, k := range over {
		if at := d.item(k).Gone; at.Before(first) {
			first = at
		}
	}
	if at := first.Add(d.Cooldown); at.After(now) {
		e.due(at)
		return false
	}
	return true
}

func (e *Engine) allQuiet(keys []key, now time.Time) bool {
	for _, k := range keys {
		if !e.quiet(k, now) {
			return false
		}
	}
	return true
}

// settle ends items about which everything has been said.
func (e *Engine) settle(d *desk, keys []key, now time.Time) {
	for _, k := range keys {
		i := d.item(k)
		i.end(now.Add(d.Cooldown))
		e.touch(d, k, i, now)
		e.due(i.Cool)
	}
}

func (e *Engine) mention(d *desk, id string, now time.Time) {
	d.incidents[id].Last = now
	e.dirty[incidentKey(d.Name, id)] = true
}

func (e *Engine) closeIncident(d *desk, id string) {
	delete(d.incidents, id)
	e.forgetRecord(incidentKey(d.Name, id))
}

// spend takes one of the messages that a rule may send in an hour. If there is none left, what is
// due waits, and is put together.
func (e *Engine) spend(d *desk, now time.Time) bool {
	for len(d.sent) > 0 && (now.Sub(d.sent[0]) >= time.Hour || d.sent[0].After(now)) {
		d.sent = d.sent[1:]
	}
	if len(d.sent) >= d.PerHour {
		e.due(d.sent[0].Add(time.Hour))
		return false
	}
	d.sent = append(d.sent, now)
	e.dirty[deskKey(d.Name)] = true
	return true
}
