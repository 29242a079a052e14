package fleet

import (
	"context"
	"fmt"
	"time"

	"tacet/daemon/health"
)

// storeBack is when a copy is tried again that a store could not take.
const storeBack = 5 * time.Minute

// happen does what is on the agenda, and puts on it what follows.
func (r *room) happen(ctx context.Context, h happening) {
	now := time.Now()
	switch h.act {
	case talk:
		r.talk(h.at, now)
	case hush:
		if h.which == r.unit.recording { // else it was over before
			r.hush(h.at, now)
		}
	case copied:
		if r.unit.say == nil || r.unit.lacks(h.store) {
			h.at += storeBack
			r.todo.add(h)
			return
		}
		r.unit.copied(h.which, h.store, h.last, now)
	case fault:
		if m := r.todo.mishap(); r.unit.raise(m, now) {
			if r.unit.blocked() {
				r.hush(h.at, now)
			}
			r.todo.add(happening{at: h.at + time.Minute + r.todo.about(m.lasts), act: mend, code: m.code})
		}
		r.todo.add(happening{at: h.at + r.todo.about(betweenFaults), act: fault})
	case mend:
		r.unit.clear(h.code, now)
	default:
		r.outage(ctx, h)
	}
	r.show()
}

// outage is what happens to the whole unit.
func (r *room) outage(ctx context.Context, h happening) {
	then := func(act act, after time.Duration) {
		r.todo.add(happening{at: h.at + max(after, time.Minute), act: act})
	}
	switch h.act {
	case lose:
		r.net.pull()
		then(find, r.todo.about(8*time.Minute))
		then(lose, r.todo.about(betweenLosses))
	case find:
		r.net.plug()
	case cut:
		r.net.pull()
		r.halt()
		then(restore, r.todo.about(10*time.Minute))
		then(cut, r.todo.about(betweenCuts))
	case restore:
		r.net.plug()
		r.boot(ctx, h.at)
	case restart:
		r.restart(ctx, h.at)
		then(restart, r.todo.about(betweenRestarts))
	case offer:
		if r.unit.say != nil {
			r.unit.offer(time.Now())
			then(renew, r.todo.about(time.Hour))
		}
		then(offer, r.todo.about(betweenUpdates))
	case renew:
		if r.unit.recording != "" { // never while it records
			then(renew, time.Minute)
		} else if r.unit.say != nil && r.unit.waiting != "" {
			r.unit.version, r.unit.waiting = r.unit.waiting, ""
			r.restart(ctx, h.at)
		}
	}
}

// restart stops the unit in order and starts it.
func (r *room) restart(ctx context.Context, at moment) {
	if r.unit.say == nil {
		return
	}
	r.hush(at, time.Now())
	r.halt()
	r.boot(ctx, at)
}

// talk starts a recording, and plans its end and the next one. A consultation that can't be recorded
// passes all the same.
func (r *room) talk(at moment, now time.Time) {
	r.number++
	id := fmt.Sprintf("%s-%d", r.names.Room, r.number)
	begun, err := r.unit.begin(id, now)
	r.check(err)
	over := at + r.todo.length()
	if begun {
		r.todo.add(happening{at: over, act: hush, which: id})
	}
	r.todo.add(happening{at: r.todo.open(over + r.todo.about(betweenTalks)), act: talk})
}

// hush ends the recording that runs, if any, and plans its copies.
func (r *room) hush(at moment, now time.Time) {
	id, err := r.unit.end(now)
	r.check(err)
	if id != "" {
		r.copies(id, at)
	}
}

// copies plans the copies of a recording.
func (r *room) copies(id string, at moment) {
	for i, store := range storeNames {
		at += time.Minute + r.todo.about(2*time.Minute)
		r.todo.add(happening{at: at, act: copied, which: id, store: store, last: i == len(storeNames)-1})
	}
}

// lacks reports whether a store can't be reached.
func (u *unit) lacks(store string) bool {
	for _, code := range []health.Code{health.StoreMissing, health.StoreFull} {
		if up, is := u.alerts[code]; is && up.store == store {
			return true
		}
	}
	return false
}

// offer installs a new version, which waits.
func (u *unit) offer(now time.Time) {
	u.waiting = fmt.Sprintf("1.2.%d", 4+u.rand.IntN(90))
	u.publish(now)
}
