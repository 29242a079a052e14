package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

// The kinds of the records, and their bounds.
const (
	noteRecord    = "note"
	closureRecord = "closure"
	maxNotes      = 1000 // of all rooms; the oldest go
	maxClosures   = 200
)

// ErrNoSuch is the error for a note, a closed period or a room that does not exist.
var ErrNoSuch = errors.New("there is no such thing")

// restoreNotes reads notes and closed periods into the model.
func (d *Dashboard) restoreNotes(ctx context.Context) error {
	notes, err := records[practice.Note](ctx, d.db, noteRecord, maxNotes)
	if err != nil {
		return err
	}
	closures, err := records[practice.Closure](ctx, d.db, closureRecord, maxClosures)
	if err != nil {
		return err
	}
	rooms := map[practice.RoomID][]practice.Note{}
	for _, n := range notes {
		rooms[n.Room] = append([]practice.Note{n}, rooms[n.Room]...)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	all, _ := d.model.Query(practice.Filter{})
	for _, r := range all {
		if len(r.Notes) > 0 || len(rooms[r.ID]) > 0 {
			d.model.SetNotes(r.ID, rooms[r.ID])
		}
	}
	d.model.SetClosures(closures)
	return nil
}

// changed makes notes and closed periods count at once.
func (d *Dashboard) changed(ctx context.Context) error {
	if err := d.restoreNotes(ctx); err != nil {
		return err
	}
	select {
	case d.refresh <- struct{}{}:
	default:
	}
	d.fan.tell(changeAll)
	return nil
}

// AddNote implements page.Source.
func (d *Dashboard) AddNote(ctx context.Context, room practice.RoomID, by, text string) error {
	if _, ok := d.Room(room); !ok {
		return fmt.Errorf("add a note to %s: %w", room, ErrNoSuch)
	}
	n := practice.Note{ID: newID(), Room: room, At: time.Now(), By: topic.OneLine(by), Text: topic.OneLine(text)}
	if n.Text == "" {
		return errors.New("the note is empty")
	}
	act := page.Act{By: by, What: "added a note", On: room.String(), Text: n.Text}
	err := d.audited(ctx, act, func(tx *history.Tx) error {
		return errors.Join(putRecord(tx, noteRecord, n.ID, n), tx.Trim(noteRecord, maxNotes))
	})
	if err != nil {
		return err
	}
	return d.changed(ctx)
}

// RemoveNote implements page.Source.
func (d *Dashboard) RemoveNote(ctx context.Context, id int64, by string) error {
	var n practice.Note
	return d.remove(ctx, noteRecord, id, &n, func() page.Act {
		return page.Act{By: by, What: "removed a note", On: n.Room.String(), Text: n.Text}
	})
}

// Closures implements page.Source.
func (d *Dashboard) Closures(ctx context.Context) ([]practice.Closure, error) {
	return records[practice.Closure](ctx, d.db, closureRecord, maxClosures)
}

// AddClosure implements page.Source.
func (d *Dashboard) AddClosure(ctx context.Context, c practice.Closure) error {
	if c.Start < 0 || c.End < 0 || c.Start >= 24*60 || c.End > 24*60 {
		return errors.New("the closed period's times are not times of a day")
	}
	c.ID, c.Why, c.By = newID(), topic.OneLine(c.Why), topic.OneLine(c.By)
	all, err := d.Closures(ctx)
	if err != nil {
		return err
	}
	if len(all) >= maxClosures {
		return fmt.Errorf("there are %d closed periods: remove one first", len(all))
	}
	act := page.Act{By: c.By, What: "closed", On: place(c), Text: c.Why}
	put := func(tx *history.Tx) error { return putRecord(tx, closureRecord, c.ID, c) }
	if err := d.audited(ctx, act, put); err != nil {
		return err
	}
	return d.changed(ctx)
}

// RemoveClosure implements page.Source.
func (d *Dashboard) RemoveClosure(ctx context.Context, id int64, by string) error {
	var c practice.Closure
	return d.remove(ctx, closureRecord, id, &c, func() page.Act {
		return page.Act{By: by, What: "ended a closed period", On: place(c), Text: c.Why}
	})
}

// place is what a closed period is about.
func place(c practice.Closure) string {
	switch {
	case c.Room != "":
		return c.Site + "/" + c.Room
	case c.Site != "":
		return c.Site
	}
	return "everywhere"
}

// remove removes a record. It is read into v first, for the audit log.
func (d *Dashboard) remove(ctx context.Context, kind string, id int64, v any, act func() page.Act) error {
	value, err := d.db.Get(ctx, kind, recordKey(id))
	if err == nil && value == nil {
		err = ErrNoSuch
	}
	if err == nil {
		err = json.Unmarshal(value, v)
	}
	if err != nil {
		return fmt.Errorf("remove a %s: %w", kind, err)
	}
	err = d.audited(ctx, act(), func(tx *history.Tx) error { return tx.Delete(kind, recordKey(id)) })
	if err != nil {
		return err
	}
	return d.changed(ctx)
}

// newID is larger than all before, and fits into a JavaScript number.
func newID() int64 { return time.Now().UnixMicro() }

// recordKey sorts as the number does.
func recordKey(id int64) string { return fmt.Sprintf("%020d", id) }

func putRecord(tx *history.Tx, kind string, id int64, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Put(kind, recordKey(id), value)
}

func records[T any](ctx context.Context, db *history.DB, kind string, limit int) ([]T, error) {
	rows, err := db.List(ctx, kind, "", limit)
	if err != nil {
		return nil, err
	}
	all := make([]T, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r.Value, &all[i]); err != nil {
			return nil, fmt.Errorf("read the %s %s: %w", kind, strconv.Quote(r.Key), err)
		}
	}
	return all, nil
}
