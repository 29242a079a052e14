package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// noteEvery is the time between two heads of the ledger during a recording.
const noteEvery = time.Minute

// room is one simulated room. Its goroutine owns everything but what mu guards.
type room struct {
	f     *Fleet
	names topic.Names
	title string
	key   unitKey
	rand  *rand.Rand
	unit  *unit
	net   *network
	todo  *agenda

	stop    context.CancelFunc // of the client
	running sync.WaitGroup     // clients that have not ended
	number  int                // of recordings

	mu  sync.Mutex
	now Truth // guarded by mu
}

var declaredCodes, noteCodes = func() (all, notes []string) {
	for _, w := range health.Declared() {
		all = append(all, string(w.Code))
		if !w.Problem() {
			notes = append(notes, string(w.Code))
		}
	}
	return all, notes
}()

func newRoom(f *Fleet, names topic.Names, r *rand.Rand) (*room, error) {
	key, err := newKey(names, r)
	if err != nil {
		return nil, err
	}
	var dial func(context.Context, string) (net.Conn, error)
	if own := f.o.Dial; own != nil {
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return own(ctx, names.Site, names.Room, address)
		}
	}
	room := &room{f: f, names: names, title: "Room " + strings.TrimPrefix(names.Room, "room-"), key: key, rand: r,
		unit: newUnit(r, key), net: newNetwork(dial), todo: newAgenda(r, dayStarts, f.o.Calm)}
	room.now = Truth{Site: names.Site, Room: names.Room}
	_, err = room.newClient("x") // the options are right or wrong for every start
	return room, err
}

// newClient returns the client of one start.
func (r *room) newClient(boot string) (*mqtt.Client, error) {
	o := mqtt.Options{
		Broker: r.f.o.Broker, Site: r.names.Site, Room: r.names.Room, RoomName: r.title,
		HomeAssistant: r.names.HomeAssistant, Version: r.unit.version, Boot: boot, Stores: storeNames,
		Codes: declaredCodes, Notes: noteCodes, Dial: r.net.Dial, Log: r.f.o.Log.With("room", r.key.name),
		Report: func(rep mqtt.Report) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.now.Boot == boot {
				r.now.Connected = rep.Connected
			}
		},
	}
	if r.f.o.Account != nil {
		o.Username, o.Credentials = r.f.o.Account(r.names.Site, r.names.Room)
	}
	return mqtt.New(o)
}

// run lives the room's days until ctx ends.
func (r *room) run(ctx context.Context) {
	defer r.running.Wait()
	defer func() {
		if r.stop != nil {
			r.stop()
		}
	}()
	start := time.Now()
	r.boot(ctx, dayStarts)
	note := time.NewTicker(noteEvery)
	defer note.Stop()
	for {
		h := r.todo.next()
		wait := time.NewTimer(time.Until(start.Add(r.real(h.at - dayStarts))))
		for happened := false; !happened; {
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-r.f.paused:
				wait.Stop()
				r.settle(ctx)
				<-ctx.Done()
				return
			case <-note.C:
				r.note()
			case <-wait.C:
				r.happen(ctx, h)
				happened = true
			}
		}
	}
}

// real is how long something takes at the fleet's speed.
func (r *room) real(d time.Duration) time.Duration { return time.Duration(float64(d) / r.f.o.Speed) }

// note signs a head while the unit records.
func (r *room) note() {
	if r.unit.say != nil && r.unit.recording != "" {
		r.check(r.unit.ledger())
	}
}

// check logs an error of the simulation itself.
func (r *room) check(err error) {
	if err != nil {
		r.f.o.Log.Error("simulate", "room", r.key.name, "err", err)
	}
}

// boot starts the unit. A unit whose client can't be made stays dark.
func (r *room) boot(ctx context.Context, at moment) {
	boot := fmt.Sprintf("%010x", r.rand.Uint64N(1<<40))
	client, err := r.newClient(boot)
	if err != nil {
		r.check(err)
		return
	}
	own, stop := context.WithCancel(ctx)
	r.stop = stop
	r.change(func(t *Truth) { t.Boot, t.Connected = boot, false })
	interrupted, err := r.unit.boot(client, time.Now())
	r.check(err)
	if interrupted != "" {
		r.copies(interrupted, at)
	}
	r.show()
	r.running.Go(func() { client.Run(own) })
}

// halt ends the unit's client, and returns when it has ended: there is one unit in a room.
func (r *room) halt() {
	if r.stop != nil {
		r.stop()
	}
	r.running.Wait()
	r.unit.say = nil
	r.change(func(t *Truth) { t.Connected = false })
}

// settle ends whatever is going on.
func (r *room) settle(ctx context.Context) {
	r.net.plug()
	if r.unit.say == nil {
		r.boot(ctx, 0)
	}
	now := time.Now()
	_, err := r.unit.end(now)
	r.check(err)
	r.show()
}

// change changes the truth.
func (r *room) change(do func(*Truth)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.now)
}

// show makes the truth what the unit is.
func (r *room) show() {
	r.change(func(t *Truth) {
		t.Powered, t.Linked = r.unit.say != nil, !r.net.isOut()
		t.Events, t.Phase, t.Version = r.unit.events, r.unit.phase(), r.unit.version
		t.Alerts = nil
		for code := range r.unit.alerts {
			t.Alerts = append(t.Alerts, string(code))
		}
		slices.Sort(t.Alerts)
	})
}

func (r *room) truth() Truth {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}
