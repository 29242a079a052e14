package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

// sessionRecord is the kind of record that says what a broker's session holds, by the broker's
// address and the client identifier.
const sessionRecord = "session"

func (d *Dashboard) newFeed(ctx context.Context, b Broker) (*feed.Feed, string, error) {
	address, err := topic.ParseAddress(b.URL)
	if err != nil {
		return nil, "", fmt.Errorf("the broker's address: %w", err)
	}
	name := address.Dial()
	key := address.String() + " " + d.o.ClientID
	value, err := d.db.Get(ctx, sessionRecord, key)
	if err != nil {
		return nil, "", err
	}
	var filters []string
	if value != nil {
		if err := json.Unmarshal(value, &filters); err != nil {
			return nil, "", fmt.Errorf("read what is known of the broker's session: %w", err)
		}
	}
	f, err := feed.New(feed.Options{Broker: b.URL, Name: name, Username: b.Username, Credentials: b.Credentials,
		ClientID: d.o.ClientID, Sites: d.sites(), Session: value != nil, Filters: filters,
		Subscribed: func(filters []string) { d.subscribed(key, filters) },
		Missing:    func() []practice.RoomID { return d.missing(name) },
		Out:        d.events, Log: d.o.Log})
	return f, name, err
}

// sites are the sites of the known rooms.
func (d *Dashboard) sites() (all []feed.Site) {
	rooms := map[string]int{}
	for _, k := range d.o.Known {
		rooms[k.ID.Site]++
	}
	for _, id := range slices.Sorted(maps.Keys(rooms)) {
		all = append(all, feed.Site{ID: id, Rooms: rooms[id]})
	}
	return all
}

// subscribed remembers that the broker knows our session now.
func (d *Dashboard) subscribed(key string, filters []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	value, err := json.Marshal(filters)
	if err == nil {
		err = d.db.Update(ctx, func(tx *history.Tx) error { return tx.Put(sessionRecord, key, value) })
	}
	if err != nil {
		d.o.Log.Error("the broker's session can't be remembered", "err", err)
	}
}

// missing are the known rooms of which the broker has sent nothing since it is connected.
func (d *Dashboard) missing(broker string) []practice.RoomID {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.model.Missing(broker)
}
