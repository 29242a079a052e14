// Package dashboard shows a practice's rooms: it wires the brokers (feed), the model (practice),
// the memory (history) and the page.
//
//	d, err := dashboard.Open(ctx, dashboard.Options{Brokers: brokers, Known: known, Dir: dir})
//	defer d.Close()
//	err = d.Run(ctx) // until ctx ends
//
// Only page knows HTTP, only history SQL, only feed MQTT; practice knows none of them, and no
// clock. One goroutine, the owner, feeds the model; the page takes copies from it under a lock that
// is held for a moment only. A message goes from the feed through the model to the history, and is
// acknowledged to the broker after the commit.
package dashboard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice/post"
	"tacet/cmd/internal/dashboard/notice/settings"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/mqtt"
)

// Broker is one broker to listen to.
type Broker struct {
	URL         string // mqtt:// or mqtts://
	Username    string
	Credentials func() (mqtt.Credentials, error) // nil: none
}

// Inside is a broker in this process. Run serves until ctx ends, and sends what comes to out, as a
// Feed does.
type Inside interface {
	Name() string
	Run(ctx context.Context, out chan<- feed.Event)
}

// DefaultClientID is the MQTT client identifier of a dashboard. It names the session in which a
// broker keeps events while the dashboard is away.
const DefaultClientID = "tacet-dashboard"

// Options are what a dashboard is made of. Zero values mean the defaults.
type Options struct {
	Brokers  []Broker
	Inside   Inside           // a broker in this process; nil: none
	Known    []practice.Known // the rooms of fleet.toml; none: every room on the broker is shown
	Dir      string           // of the history
	ClientID string
	Remember time.Duration  // for how long events are kept; 30 days
	Location *time.Location // of closed periods; nil: the computer's
	Log      *slog.Logger
	Notices  *settings.Settings // who gets a word about what; nil: nobody
}

// Dashboard is an open dashboard. It is the page's Source; any goroutine may ask it.
type Dashboard struct {
	o       Options
	db      *history.DB
	feeds   []*feed.Feed
	events  chan feed.Event
	refresh chan struct{} // has something when Advance should run now
	notices *post.Office  // nil: none

	mu    sync.Mutex
	model *practice.Practice // guarded by mu

	fan fan
}

var _ page.Source = (*Dashboard)(nil)

const (
	defaultRemember = 30 * 24 * time.Hour
	// eventQueue is how many events of all brokers may wait for the owner.
	eventQueue = 1024
	// maxUnlisted is the most rooms without a list of known ones: as many as such a list may have.
	maxUnlisted = 10_000
)

// Open opens the history, and shows what it has kept. Run keeps it up to date.
func Open(ctx context.Context, o Options) (*Dashboard, error) {
	o.Remember = cmp.Or(o.Remember, defaultRemember)
	o.ClientID = cmp.Or(o.ClientID, DefaultClientID)
	if o.Location == nil {
		o.Location = time.Local
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	limits := practice.Options{Remember: o.Remember, Location: o.Location}
	if len(o.Known) == 0 {
		limits.MaxUnknown = maxUnlisted
	}
	d := &Dashboard{o: o, model: practice.New(o.Known, limits), events: make(chan feed.Event, eventQueue),
		refresh: make(chan struct{}, 1)}
	db, err := history.Open(o.Dir, history.Options{Remember: o.Remember, Log: o.Log})
	if err != nil {
		return nil, err
	}
	d.db = db
	if err := d.restore(ctx); err != nil {
		db.Close()
		return nil, err
	}
	return d, nil
}

// restore makes the feeds, and fills the model from the history.
func (d *Dashboard) restore(ctx context.Context) error {
	now := time.Now()
	for _, b := range d.o.Brokers {
		f, name, err := d.newFeed(ctx, b)
		if err != nil {
			return err
		}
		d.feeds = append(d.feeds, f)
		d.model.Link(name, false, false, now)
	}
	if d.o.Inside != nil {
		d.model.Link(d.o.Inside.Name(), false, false, now)
	}
	if err := d.db.Rooms(ctx, func(k history.Kept) { d.model.Restore(k.ID, k.Memory, k.Latest) }); err != nil {
		return err
	}
	return errors.Join(d.restoreNotes(ctx), d.openNotices(ctx))
}

// Run keeps everything up to date until ctx ends.
func (d *Dashboard) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var parts sync.WaitGroup
	for _, f := range d.feeds {
		parts.Go(func() { f.Run(ctx) })
	}
	if d.o.Inside != nil {
		parts.Go(func() { d.o.Inside.Run(ctx, d.events) })
	}
	var noticed error
	parts.Go(func() {
		if noticed = d.runNotices(ctx); noticed != nil {
			stop() // a dashboard that can't tell anybody must not look well
		}
	})
	o := newOwner(d)
	err := o.run(ctx)
	parts.Wait()
	return errors.Join(err, noticed)
}

// Close writes what waits, and closes the history.
func (d *Dashboard) Close() error {
	if err := d.db.Close(); err != nil {
		return fmt.Errorf("close the history: %w", err)
	}
	return nil
}

// History is the database, for packages that keep records in it.
func (d *Dashboard) History() *history.DB { return d.db }
