package history

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
)

// Kept is a room as it was kept.
type Kept struct {
	ID     practice.RoomID
	Memory practice.Memory
	Latest []practice.Latest
}

// Rooms calls f for every room that is kept.
func (d *DB) Rooms(ctx context.Context, f func(Kept)) error {
	rows, err := d.read.QueryContext(ctx, `SELECT room.id, site, room.room, memory, name, at, payload
		FROM room LEFT JOIN latest ON latest.room = room.id ORDER BY room.id`)
	if err != nil {
		return fmt.Errorf("read the rooms: %w", err)
	}
	defer rows.Close()
	var kept Kept
	last := int64(-1)
	for rows.Next() {
		var (
			n       int64
			id      practice.RoomID
			memory  string
			name    sql.NullString
			at      sql.NullInt64
			payload []byte
		)
		if err := rows.Scan(&n, &id.Site, &id.Room, &memory, &name, &at, &payload); err != nil {
			return fmt.Errorf("read the rooms: %w", err)
		}
		if n != last {
			if last >= 0 {
				f(kept)
			}
			kept, last = Kept{ID: id}, n
			if err := kept.Memory.UnmarshalText([]byte(memory)); err != nil {
				d.o.Log.Error("what was kept of a room can't be read", "room", id.String(), "err", err)
			}
		}
		if name.Valid {
			kept.Latest = append(kept.Latest, practice.Latest{Name: name.String, Payload: payload, At: time.UnixMilli(at.Int64)})
		}
	}
	if last >= 0 {
		f(kept)
	}
	return rows.Err()
}

// maxEntries is the most entries that one question returns.
const maxEntries = 20_000

// Timeline returns what happened in a room, oldest first; at most the newest 20,000 entries.
func (d *DB) Timeline(ctx context.Context, id practice.RoomID, from, to time.Time) ([]practice.Entry, error) {
	all, err := d.entries(ctx, `room.site = ? AND room.room = ? AND at >= ? AND at < ? ORDER BY at DESC, entry.id DESC
		LIMIT ?`, id.Site, id.Room, from.UnixMilli(), to.UnixMilli(), maxEntries)
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
	return all, err
}

// Since returns what happened in the rooms of some sites (none: all), newest first, with what
// concerns no room.
func (d *DB) Since(ctx context.Context, sites []string, since time.Time, limit int) ([]practice.Entry, error) {
	if limit <= 0 || limit > maxEntries {
		limit = maxEntries
	}
	where, args := "at >= ?", []any{since.UnixMilli()}
	if len(sites) > 0 {
		where += " AND (entry.room = 0 OR room.site IN (?" + strings.Repeat(", ?", len(sites)-1) + "))"
		for _, s := range sites {
			args = append(args, s)
		}
	}
	return d.entries(ctx, where+" ORDER BY at DESC, entry.id DESC LIMIT ?", append(args, limit)...)
}

const selectEntry = `SELECT coalesce(room.site, ''), coalesce(room.room, ''), at, kind, coalesce(event, ''),
	unit_time, coalesce(recording, ''), coalesce(store, ''), seconds, coalesce(code, ''), coalesce(count, 0),
	coalesce(state, ''), coalesce(from_state, ''), coalesce(text, '')
	FROM entry LEFT JOIN room ON room.id = entry.room WHERE `

func (d *DB) entries(ctx context.Context, where string, args ...any) (all []practice.Entry, err error) {
	err = d.each(ctx, func(e practice.Entry) error {
		all = append(all, e)
		return nil
	}, where, args...)
	return all, err
}

// each calls f for the entries that a condition selects.
func (d *DB) each(ctx context.Context, f func(practice.Entry) error, where string, args ...any) error {
	rows, err := d.read.QueryContext(ctx, selectEntry+where, args...)
	if err != nil {
		return fmt.Errorf("read the history: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			e    practice.Entry
			at   int64
			unit sql.NullInt64
			code string
		)
		err := rows.Scan(&e.Room.Site, &e.Room.Room, &at, &e.Kind, &e.ID, &unit, &e.Recording, &e.Store, &e.Seconds, &code,
			&e.Count, &e.State, &e.From, &e.Text)
		if err != nil {
			return fmt.Errorf("read the history: %w", err)
		}
		e.At, e.Code = time.UnixMilli(at), health.Code(code)
		if unit.Valid {
			e.UnitTime = time.UnixMilli(unit.Int64)
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Head is a signed head of a unit's ledger.
type Head struct {
	Room practice.RoomID
	At   time.Time // when it was first seen
	Head string
}

// Heads returns the heads of a room's ledger, oldest first.
func (d *DB) Heads(ctx context.Context, id practice.RoomID) (all []Head, err error) {
	rows, err := d.read.QueryContext(ctx, `SELECT at, head FROM head JOIN room ON room.id = head.room
		WHERE site = ? AND room.room = ? ORDER BY head.id`, id.Site, id.Room)
	if err != nil {
		return nil, fmt.Errorf("read the heads of %s: %w", id, err)
	}
	defer rows.Close()
	for rows.Next() {
		h := Head{Room: id}
		var at int64
		if err := rows.Scan(&at, &h.Head); err != nil {
			return nil, fmt.Errorf("read the heads of %s: %w", id, err)
		}
		h.At = time.UnixMilli(at)
		all = append(all, h)
	}
	return all, rows.Err()
}
