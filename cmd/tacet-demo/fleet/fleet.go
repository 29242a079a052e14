// Package fleet simulates the rooms of a practice at a broker, to try a broker or a dashboard with.
//
//	f, err := fleet.New(fleet.Options{Rooms: 200, Broker: "mqtt://127.0.0.1:1883", Seed: 7, Speed: 60})
//	err = f.Run(ctx)
//
// Each room is a client of its own, with the unit's own code: package mqtt greets, sends the last
// will, keeps events until they are acknowledged and connects again, and package topic makes the
// payloads. What happens in a room is made up: a working day of consultations, with faults, networks
// that fail, power cuts, restarts and updates. The same seed gives the same days.
//
// A day passes Speed times faster than life. Times in payloads are real, and so is the heartbeat.
//
// Promises:
//
//   - Memory is bounded by the number of rooms, at most [MaxRooms]. Nothing is kept of what was sent.
//   - Whatever a room publishes may come from a unit.
//   - [Fleet.Truth] says what the rooms are, to compare with what a reader believes.
package fleet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// MaxRooms is the most rooms of a fleet.
const MaxRooms = 10_000

// roomsPerSite is how many rooms a site has, unless Options.Sites says how many sites there are.
const roomsPerSite = 25

// Options describe a fleet.
type Options struct {
	Rooms int
	Sites int    // 0: one for each 25 rooms
	Seed  uint64 // of everything that is random
	// Speed is how much faster than life a day passes; 0: 1.
	Speed float64
	// Calm: no faults, losses, power cuts, restarts or updates; only consultations.
	Calm bool
	// Ramp is how many rooms start in a second; 0: 200.
	Ramp int

	Broker        string
	HomeAssistant string // discovery prefix; "": none
	// Account returns a room's account at the broker; nil: none.
	Account func(site, room string) (username string, credentials func() (mqtt.Credentials, error))
	// Dial opens a room's connection; nil: the network's.
	Dial func(ctx context.Context, site, room, address string) (net.Conn, error)
	Log  *slog.Logger // what the rooms' clients say; nil: nothing
}

// Fleet is a number of rooms.
type Fleet struct {
	o      Options
	rooms  []*room
	paused chan struct{} // closed by Pause
	pause  sync.Once
}

// New checks the options. It opens no connection.
func New(o Options) (*Fleet, error) {
	if o.Rooms < 1 || o.Rooms > MaxRooms {
		return nil, fmt.Errorf("a fleet has 1 to %d rooms, not %d", MaxRooms, o.Rooms)
	}
	if o.Sites == 0 {
		o.Sites = (o.Rooms + roomsPerSite - 1) / roomsPerSite
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	if o.Ramp == 0 {
		o.Ramp = 200
	}
	if o.Sites < 1 || o.Sites > o.Rooms || o.Speed < 0 || o.Ramp < 0 {
		return nil, errors.New("a fleet has a site at least, at most as many as rooms, and a positive speed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fleet{o: o, paused: make(chan struct{})}
	for i := range o.Rooms {
		names := topic.Names{Site: fmt.Sprintf("site-%d", i%o.Sites+1), Room: fmt.Sprintf("room-%d", i/o.Sites+1),
			HomeAssistant: o.HomeAssistant}
		r, err := newRoom(f, names, rand.New(rand.NewPCG(o.Seed, uint64(i))))
		if err != nil {
			return nil, err
		}
		f.rooms = append(f.rooms, r)
	}
	return f, nil
}

// Run starts the rooms one after another and runs them until ctx ends. Then all stop as units do,
// which takes a few seconds.
func (f *Fleet) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	gap := time.NewTicker(time.Second / time.Duration(f.o.Ramp))
	defer gap.Stop()
	for _, r := range f.rooms {
		running.Go(func() { r.run(ctx) })
		select {
		case <-gap.C:
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// Pause ends everything that happens in the rooms: nothing more starts or ends, and a room whose
// network or power is away gets it back. The rooms stay connected.
func (f *Fleet) Pause() { f.pause.Do(func() { close(f.paused) }) }
