package dashboard

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/post"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/cmd/internal/dashboard/notice/settings"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
)

// openNotices reads what is stored of notices.
func (d *Dashboard) openNotices(ctx context.Context) error {
	s := d.o.Notices
	if s == nil {
		return nil
	}
	o := post.Options{
		Store: post.History(d.db), Rules: s.Rules, Channels: s.Channels, Log: d.o.Log,
		Engine: notice.Options{Summary: s.Summary, Location: d.o.Location},
	}
	if s.Page != "" {
		o.Engine.Link = s.Link
	}
	if s.Ping != nil {
		o.Ping = &post.Ping{Every: s.Ping.Every, Well: d.well, Send: func(ctx context.Context) error {
			address, err := s.Ping.URL()
			if err != nil {
				return fmt.Errorf("read the address to ping: %w", err)
			}
			return send.Ping(ctx, nil, address)
		}}
	}
	var err error
	if d.notices, err = post.Open(ctx, o); err != nil {
		return fmt.Errorf("open the notices: %w", err)
	}
	return nil
}

// well returns why the dashboard itself is not well.
func (d *Dashboard) well() error {
	d.mu.Lock() // whoever holds it for ever, this is not reached
	defer d.mu.Unlock()
	if why := d.db.Behind(); why != "" {
		return errors.New("the history can't be written: " + why)
	}
	return nil
}

// runNotices sends notices until ctx ends.
func (d *Dashboard) runNotices(ctx context.Context) error {
	if d.notices == nil {
		return nil
	}
	changes, stop := d.Subscribe()
	defer stop()
	w := &watcher{d: d, rooms: map[practice.RoomID]bool{}, links: map[string]bool{}}
	w.all()
	if err := d.restoreSnoozes(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- d.notices.Run(ctx) }()
	breath := time.NewTicker(time.Second)
	defer breath.Stop()
	for {
		select {
		case change := <-changes:
			w.take(change)
		case err := <-done:
			return err
		}
		select {
		case <-breath.C: // a storm of changes is one look
		case err := <-done:
			return err
		}
	}
}

// restoreSnoozes shows the notices what people have snoozed. The desk's records are the authority.
func (d *Dashboard) restoreSnoozes(ctx context.Context) error {
	rows, err := d.db.List(ctx, snoozeRecord, "", maxUnlisted)
	if err != nil {
		return err
	}
	for _, r := range rows {
		site, room, _ := strings.Cut(r.Key, "/")
		until, _, err := d.Snoozed(ctx, practice.RoomID{Site: site, Room: room})
		if err != nil {
			return err
		}
		d.notices.Snooze(post.Snooze{Subject: notice.Subject{Site: site, Room: room}, Until: until})
	}
	return nil
}

// snoozeNotices says nothing new about a room until a time; zero: no longer.
func (d *Dashboard) snoozeNotices(id practice.RoomID, until time.Time) {
	if d.notices != nil {
		d.notices.Snooze(post.Snooze{Subject: notice.Subject{Site: id.Site, Room: id.Room}, Until: until})
	}
}

// watcher shows the rooms to the notices.
type watcher struct {
	d     *Dashboard
	rooms map[practice.RoomID]bool // that were shown
	links map[string]bool
}

func (w *watcher) take(change page.Change) {
	if change.All {
		w.all()
		return
	}
	complete := isComplete(w.d.Status().Links)
	for _, id := range change.Rooms {
		if r, ok := w.d.Room(id); ok {
			w.rooms[id] = true
			w.d.notices.See(sightOf(r, complete))
		}
	}
}

// isComplete reports whether every broker has sent all that it has kept.
func isComplete(links []practice.Link) bool {
	return !slices.ContainsFunc(links, func(l practice.Link) bool { return !l.Up || !l.Complete })
}

// sightOf is what is seen of a room. A room that was never heard may be on a broker that is not
// reached.
func sightOf(r practice.Room, complete bool) notice.Sight {
	s := notice.OfRoom(r)
	s.Doubt = s.Doubt || r.State == practice.Never && !complete
	return s
}

// all shows everything, and forgets what is not there any more.
func (w *watcher) all() {
	rooms, _ := w.d.Query(practice.Filter{})
	status := w.d.Status()
	sights := []notice.Sight{notice.OfClocks(status.Clocks, status.At)}
	gone, goneLinks := maps.Clone(w.rooms), maps.Clone(w.links)
	complete := isComplete(status.Links)
	for _, r := range rooms {
		sights = append(sights, sightOf(r, complete))
		w.rooms[r.ID] = true
		delete(gone, r.ID)
	}
	for _, l := range status.Links {
		sights = append(sights, notice.OfLink(l))
		w.links[l.Broker] = true
		delete(goneLinks, l.Broker)
	}
	w.d.notices.See(sights...)
	for id := range gone {
		delete(w.rooms, id)
		w.d.notices.Forget(notice.Subject{Site: id.Site, Room: id.Room})
	}
	for broker := range goneLinks {
		delete(w.links, broker)
		w.d.notices.Forget(notice.Subject{Broker: broker})
	}
}

// NoticeStatus says how each recipient of notices does; none without notices.
func (d *Dashboard) NoticeStatus() []post.Status {
	if d.notices == nil {
		return nil
	}
	return slices.Clone(d.notices.Status())
}

// recipients are those who get notices, for the page.
func (d *Dashboard) recipients() (all []page.Recipient) {
	for _, s := range d.NoticeStatus() {
		all = append(all, page.Recipient{Name: s.Name, Waiting: s.Waiting, Failing: s.Failing, Trouble: s.Trouble,
			Advice: s.Advice, Refused: s.Aside})
	}
	return all
}

// TryNotices sends a test message to every recipient.
func TryNotices(ctx context.Context, s *settings.Settings) []post.Result {
	link := ""
	if s.Page != "" {
		link = s.Link("", "")
	}
	return post.Test(ctx, s.Channels, link, time.Now())
}
