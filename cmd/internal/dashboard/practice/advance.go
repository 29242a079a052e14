package practice

import (
	"slices"
	"time"
)

// SetClosures replaces all closed periods. Advance makes them count.
func (p *Practice) SetClosures(all []Closure) { p.closed = slices.Clone(all) }

// Advance moves the time forward. It returns the rooms that changed by that, their entries, and
// when the next change is due.
func (p *Practice) Advance(now time.Time) (changed []RoomID, entries []Entry, next time.Time) {
	next = now.Add(time.Hour)
	if len(p.closed) > 0 {
		next = now.Truncate(time.Minute).Add(time.Minute)
	}
	p.closing = p.closing[:0]
	for _, c := range p.closed {
		if c.holds(now.In(p.o.Location)) {
			p.closing = append(p.closing, c)
		}
	}
	for _, r := range p.rooms {
		var moved bool
		var due time.Time
		entries, moved, due = p.settle(r, now, entries)
		closed := p.close(r)
		if moved || closed {
			changed = append(changed, r.id)
		}
		if due.After(now) && due.Before(next) {
			next = due
		}
		r.misses = slices.DeleteFunc(r.misses, func(m miss) bool {
			return now.Sub(m.day) > p.o.Remember+24*time.Hour
		})
	}
	p.compareClocks()
	slices.SortFunc(changed, RoomID.Compare)
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.Room.Compare(b.Room) })
	return changed, entries, next
}

// close sets the closed period that holds for a room now, and reports whether it is another one.
func (p *Practice) close(r *room) bool {
	var now *Closure
	for i := range p.closing {
		if p.closing[i].concerns(r.id) {
			c := p.closing[i]
			now = &c
			break
		}
	}
	same := now == nil && r.closed == nil || now != nil && r.closed != nil && *now == *r.closed
	if !same {
		r.closed, p.dirty = now, true
	}
	return !same
}
