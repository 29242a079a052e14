package feed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tacet/cmd/internal/dashboard/practice"
)

// allSites is the filter without a list of sites.
const allSites = "tacet/#"

// roomsAtOnce is how many rooms are subscribed to before their retained messages are waited for. A
// room has three, and one for each alert; Mosquitto lets 1,020 through by default.
const roomsAtOnce = 150

// subscribe makes the subscriptions one after the other, each when the retained messages of those
// before have come. It returns a warning, or an error that ends the connection.
func (f *Feed) subscribe(ctx context.Context, l *link) (advice string, err error) {
	groups := f.groups()
	wanted := slices.Concat(groups...)
	for _, old := range f.filters {
		if l.present && !slices.Contains(wanted, old) {
			if err := l.await(ctx, l.paho.Unsubscribe(old)); err != nil {
				return "", fmt.Errorf("unsubscribe from %s: %w", old, err)
			}
		}
	}
	var refused []string
	weak := false
	for _, group := range groups {
		no, unsure, err := l.subscribe(ctx, group...)
		if err != nil {
			return "", fmt.Errorf("subscribe to %s: %w", strings.Join(group, ", "), err)
		}
		refused, weak = append(refused, no...), weak || unsure
		l.lull(ctx, &l.retained)
	}
	l.lull(ctx, &l.lasting) // of what waited for our session
	f.session, f.filters = true, wanted
	if f.o.Subscribed != nil {
		f.o.Subscribed(wanted)
	}
	if len(refused) > 0 {
		return "the broker does not let the dashboard's account read " + strings.Join(refused, ", ") +
			": correct its access list", nil
	}
	if weak {
		return "the broker sends events without waiting for an answer (QoS 0), so those are lost that come while the " +
			"dashboard is away: let it grant QoS 1 (Mosquitto: max_qos)", nil
	}
	if len(f.o.Sites) == 0 && l.retained.Load() >= mosquittoQueue {
		return "the broker may keep rooms back, and nobody would notice: give the dashboard the list of rooms (-fleet), " +
			"or raise the broker's queue limits (Mosquitto: max_queued_messages)", nil
	}
	if f.o.Missing != nil {
		return "", f.askForMissing(ctx, l)
	}
	return "", nil
}

// groups are the filters, in groups of which each may be subscribed to at once.
func (f *Feed) groups() (groups [][]string) {
	if len(f.o.Sites) == 0 {
		return [][]string{{allSites}}
	}
	rooms := roomsAtOnce
	for _, site := range f.o.Sites {
		if rooms += site.Rooms; rooms > roomsAtOnce {
			rooms = site.Rooms
			groups = append(groups, nil)
		}
		last := &groups[len(groups)-1]
		*last = append(*last, "tacet/"+site.ID+"/#")
	}
	return groups
}

// mosquittoQueue is how many retained messages Mosquitto's defaults let through at a time; it drops
// the rest.
const mosquittoQueue = 1000

// askForMissing asks for the rooms that are missing, until asking again brings none.
func (f *Feed) askForMissing(ctx context.Context, l *link) error {
	for before := math.MaxInt; ; {
		rooms := f.o.Missing()
		if len(rooms) == 0 || len(rooms) >= before {
			return nil
		}
		before = len(rooms)
		if err := f.askFor(ctx, l, rooms); err != nil {
			return err
		}
	}
}

// askFor subscribes to the states of single rooms, and ends that at once: the broker then sends
// what it has kept of each.
func (f *Feed) askFor(ctx context.Context, l *link, rooms []practice.RoomID) error {
	for some := range slices.Chunk(rooms, askedAtOnce) {
		var filters []string
		for _, id := range some {
			filters = append(filters, "tacet/"+id.String()+"/state", "tacet/"+id.String()+"/availability")
		}
		if _, _, err := l.subscribe(ctx, filters...); err != nil {
			return fmt.Errorf("subscribe to rooms one by one: %w", err)
		}
		if err := l.await(ctx, l.paho.Unsubscribe(filters...)); err != nil {
			return fmt.Errorf("unsubscribe from single rooms: %w", err)
		}
		l.lull(ctx, &l.retained) // or the next ones overflow the queue
	}
	return nil
}

// askedAtOnce is how many rooms are asked for at a time: few, since the broker's queue was too short.
const askedAtOnce = 20

// subscribe subscribes to filters, with QoS 1, and returns those that the broker refuses. weak: it
// grants some with QoS 0 only.
func (l *link) subscribe(ctx context.Context, filters ...string) (refused []string, weak bool, err error) {
	tokens := make([]paho.Token, len(filters))
	for i, filter := range filters {
		tokens[i] = l.paho.Subscribe(filter, 1, nil)
	}
	for i, token := range tokens {
		if err := l.await(ctx, token); err != nil {
			return nil, false, err
		}
		if t, ok := token.(*paho.SubscribeToken); ok {
			switch granted := t.Result()[filters[i]]; {
			case granted > 2:
				refused = append(refused, filters[i])
			case granted == 0:
				weak = true
			}
		}
	}
	return refused, weak, nil
}

// lull waits until no more messages are counted for a moment. Among many units there may be no such
// moment.
func (l *link) lull(ctx context.Context, count *atomic.Int64) {
	late := time.NewTimer(l.f.time.settle)
	defer late.Stop()
	tick := time.NewTicker(l.f.time.lull)
	defer tick.Stop()
	for before := int64(-1); ; {
		select {
		case <-tick.C:
		case <-late.C:
			return
		case <-l.wire.dead:
			return
		case <-ctx.Done():
			return
		}
		now := count.Load()
		if (now == before || now == 0) && l.f.budget.empty() {
			return
		}
		before = now
	}
}

var errTimeout = errors.New("the broker does not answer")

// await waits for a token, the end of the connection or of ctx, or the answer's timeout.
func (l *link) await(ctx context.Context, token paho.Token) error {
	late := time.NewTimer(l.f.time.answer)
	defer late.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-l.wire.dead:
		return l.wire.err
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return errTimeout
	}
}
