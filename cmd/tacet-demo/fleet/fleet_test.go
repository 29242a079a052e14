package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/topic"
	"tacet/daemon/topic/topictest"
)

// reader is a broker for all rooms, in memory, that checks all it gets.
type reader struct {
	t *testing.T

	mu       sync.Mutex
	retained map[string]string          // guarded by mu
	events   map[string][]topic.Event   // guarded by mu; by room, without what came twice
	kinds    map[topic.EventType]int    // guarded by mu
	codes    map[string]int             // guarded by mu
	boots    map[string]map[string]bool // guarded by mu; by room
	wills    int                        // guarded by mu
}

func newReader(t *testing.T) *reader {
	return &reader{t: t, retained: map[string]string{}, events: map[string][]topic.Event{},
		kinds: map[topic.EventType]int{}, codes: map[string]int{}, boots: map[string]map[string]bool{}}
}

// dial is a Dial of Options.
func (r *reader) dial(_ context.Context, site, room, _ string) (net.Conn, error) {
	mine, theirs := net.Pipe()
	go func() {
		defer mine.Close()
		r.serve(mine, topic.Names{Site: site, Room: room, HomeAssistant: "homeassistant"})
	}()
	return theirs, nil
}

// serve answers one room, and checks what it says.
func (r *reader) serve(conn net.Conn, names topic.Names) {
	orderly := false
	for {
		// As a broker does: one and a half times the keep-alive.
		_ = conn.SetReadDeadline(time.Now().Add(68 * time.Second))
		p, err := packets.ReadPacket(conn)
		if err != nil {
			if !orderly {
				r.will(names)
			}
			return
		}
		var answer packets.ControlPacket
		switch p := p.(type) {
		case *packets.ConnectPacket:
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.PingreqPacket:
			answer = packets.NewControlPacket(packets.Pingresp)
		case *packets.SubscribePacket:
			ack := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID, ack.ReturnCodes = p.MessageID, make([]byte, len(p.Topics))
			answer = ack
		case *packets.DisconnectPacket:
			orderly = true
		case *packets.PublishPacket:
			r.got(names, p)
			if p.Qos == 1 {
				ack := packets.NewControlPacket(packets.Puback).(*packets.PubackPacket)
				ack.MessageID = p.MessageID
				answer = ack
			}
		}
		if answer != nil && answer.Write(conn) != nil {
			return
		}
	}
}

func (r *reader) will(names topic.Names) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wills++
	r.retained[names.Availability()] = topic.Offline
}

func (r *reader) got(names topic.Names, p *packets.PublishPacket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := topictest.Check(names, p.TopicName, p.Payload); err != nil {
		r.t.Errorf("%s: %v", names.ClientID(), err)
	}
	if p.Retain {
		r.retained[p.TopicName] = string(p.Payload)
	}
	if p.TopicName != names.Event() {
		return
	}
	var e topic.Event
	if err := json.Unmarshal(p.Payload, &e); err != nil {
		r.t.Error(err)
		return
	}
	room := names.Site + "/" + names.Room
	all := r.events[room]
	if len(all) > 0 && all[len(all)-1].ID == e.ID {
		return // at least once
	}
	r.events[room] = append(all, e)
	r.kinds[e.Type]++
	r.codes[e.Code]++
	boot, _, _ := strings.Cut(e.ID, "-")
	if r.boots[room] == nil {
		r.boots[room] = map[string]bool{}
	}
	r.boots[room][boot] = true
}

// A week of eight rooms: every payload keeps to the contract, events have no holes, all that may
// happen happens, and in the end the broker knows the truth.
func TestAWeekIsTrueToTheContract(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	synctest.Test(t, func(t *testing.T) {
		r := newReader(t)
		f, err := New(Options{Rooms: 8, Sites: 2, Seed: seed, Speed: 30, Broker: "mqtt://broker.lan",
			HomeAssistant: "homeassistant", Dial: r.dial})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		time.Sleep(7 * day / 30)
		f.Pause()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		r.compare(f.Truth())
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		r.whole()
	})
}

// compare checks that the broker knows the truth.
func (r *reader) compare(all []Truth) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, truth := range all {
		names := topic.Names{Site: truth.Site, Room: truth.Room}
		var s topic.State
		if err := json.Unmarshal([]byte(r.retained[names.State()]), &s); err != nil {
			r.t.Error(err)
			continue
		}
		slices.Sort(s.Alerts)
		if s.Boot != truth.Boot || s.Phase != truth.Phase || !slices.Equal(s.Alerts, truth.Alerts) ||
			s.Version != truth.Version || r.retained[names.Availability()] != topic.Online || !truth.Connected {
			r.t.Errorf("%+v is %+v, %s", truth, s, r.retained[names.Availability()])
		}
		events := r.events[truth.Site+"/"+truth.Room]
		if last := events[len(events)-1].ID; truth.Events > 0 && last != topic.EventID(truth.Boot, truth.Events) {
			r.t.Errorf("%+v: the last event is %s", truth, last)
		}
		for _, code := range truth.Alerts {
			if r.retained[names.Alert(code)] == "" {
				r.t.Errorf("%+v: no text of %s", truth, code)
			}
		}
	}
}

// whole checks the order of the events, and that the week had something of everything.
func (r *reader) whole() {
	r.mu.Lock()
	defer r.mu.Unlock()
	starts := 0
	for room, events := range r.events {
		starts += len(r.boots[room])
		boot, n := "", 0
		for _, e := range events {
			if b, _, _ := strings.Cut(e.ID, "-"); b != boot {
				boot, n = b, 0
			}
			if n++; e.ID != topic.EventID(boot, uint64(n)) {
				r.t.Errorf("%s: %s is number %d", room, e.ID, n)
			}
		}
	}
	for _, kind := range []topic.EventType{topic.Started, topic.Ended, topic.Copied, topic.Released, topic.Faulted,
		topic.Cleared} {
		if r.kinds[kind] == 0 {
			r.t.Errorf("nothing is %s", kind)
		}
	}
	if r.wills == 0 || starts < 12 || len(r.codes) < 3 || r.kinds[topic.Started] < 8*5*5 {
		r.t.Errorf("a dull week: %d last wills, %d starts of units, %v, %v", r.wills, starts, r.kinds, r.codes)
	}
	for name, payload := range r.retained {
		if strings.HasSuffix(name, "/availability") && payload != topic.Offline {
			r.t.Errorf("after the end, %s is %s", name, payload)
		}
	}
}

// The same seed gives the same days.
func TestTheSameSeedGivesTheSameDays(t *testing.T) {
	days := func(seed uint64) (all []happening) {
		a := newAgenda(rand.New(rand.NewPCG(seed, 1)), dayStarts, false)
		for range 6 { // what follows depends on the unit
			all = append(all, a.next())
		}
		return all
	}
	if a, b := days(1), days(1); !slices.Equal(a, b) || slices.Equal(a, days(2)) {
		t.Errorf("%v\n%v\n%v", a, b, days(2))
	}
	a := newAgenda(rand.New(rand.NewPCG(rand.Uint64(), 1)), dayStarts, false)
	for at := moment(0); at < 3*day; at += 10 * time.Minute {
		if open := a.open(at); open < at || open%day < dayStarts {
			t.Fatalf("at %v it opens at %v", at, open)
		}
	}
}

func TestAFleetHasLimits(t *testing.T) {
	for _, o := range []Options{{}, {Rooms: MaxRooms + 1}, {Rooms: 2, Sites: 3}, {Rooms: 1, Speed: -1}, {Rooms: 1}} {
		if _, err := New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
	f, err := New(Options{Rooms: 60, Broker: "mqtt://broker.lan"})
	if err != nil {
		t.Fatal(err)
	}
	text, err := f.List().Text()
	if err != nil || strings.Count(string(text), "[[site.room]]") != 60 {
		t.Errorf("%v: %s", err, text)
	}
	seen := map[string]bool{}
	for _, truth := range f.Truth() {
		seen[fmt.Sprint(truth.Site, truth.Room)] = true
	}
	if len(seen) != 60 {
		t.Errorf("%d rooms", len(seen))
	}
}
