package dashboard

import (
	"context"
	"time"

	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
)

// Query implements page.Source.
func (d *Dashboard) Query(f practice.Filter) ([]practice.Room, practice.Counts) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.model.Query(f)
}

// Room implements page.Source.
func (d *Dashboard) Room(id practice.RoomID) (practice.Room, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.model.Room(id)
}

// Timeline implements page.Source.
func (d *Dashboard) Timeline(ctx context.Context, id practice.RoomID, from, to time.Time) ([]practice.Entry, error) {
	return d.db.Timeline(ctx, id, from, to)
}

// Today implements page.Source.
func (d *Dashboard) Today(ctx context.Context, sites []string, since time.Time, limit int) ([]practice.Entry, error) {
	return d.db.Since(ctx, sites, since, limit)
}

// Status implements page.Source.
func (d *Dashboard) Status() page.Status {
	recipients := d.recipients() // before the lock: it has one of its own
	d.mu.Lock()
	defer d.mu.Unlock()
	return page.Status{At: time.Now(), Links: d.model.Links(), Clocks: d.model.Clocks(), Behind: d.db.Behind(),
		Fleet: len(d.o.Known) > 0, Notices: recipients}
}
