package history

import (
	"database/sql"
	"fmt"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

func put(tx *sql.Tx, w *Write) error {
	room, err := roomNumber(tx, w.Room)
	if err != nil {
		return err
	}
	if w.Memory != nil {
		text, err := w.Memory.MarshalText()
		if err != nil {
			return err
		}
		if _, err := tx.Exec("UPDATE room SET memory = ? WHERE id = ?", string(text), room); err != nil {
			return err
		}
	}
	for i := range w.Entries {
		if err := putEntry(tx, room, &w.Entries[i]); err != nil {
			return err
		}
	}
	if l := w.Latest; l != nil {
		if err := putLatest(tx, room, l); err != nil {
			return err
		}
	}
	if l := w.Ledger; l != nil {
		if _, err := tx.Exec("INSERT OR IGNORE INTO head(room, at, head) VALUES(?, ?, ?)",
			room, w.At.UnixMilli(), l.Head); err != nil {
			return err
		}
		if l.Recording == "" || l.Checkpoint == "" {
			return nil
		}
		_, err := tx.Exec(`INSERT INTO checkpoint(room, recording, at, checkpoint) VALUES(?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET at = excluded.at, checkpoint = excluded.checkpoint`,
			room, l.Recording, w.At.UnixMilli(), l.Checkpoint)
		return err
	}
	return nil
}

// roomNumber returns the room's number in the database; 0 for no room.
func roomNumber(tx *sql.Tx, id practice.RoomID) (n int64, err error) {
	if id == (practice.RoomID{}) {
		return 0, nil
	}
	err = tx.QueryRow(`INSERT INTO room(site, room) VALUES(?, ?)
		ON CONFLICT DO UPDATE SET site = site RETURNING id`, id.Site, id.Room).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("write room %s: %w", id, err)
	}
	return n, nil
}

// putEntry stores an entry. One whose event is stored already is left out.
func putEntry(tx *sql.Tx, room int64, e *practice.Entry) error {
	if e.Room == (practice.RoomID{}) {
		room = 0
	}
	_, err := tx.Exec(`INSERT OR IGNORE INTO entry(room, at, kind, event, unit_time, recording, store, seconds, code,
		count, state, from_state, text) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		room, e.At.UnixMilli(), string(e.Kind), null(e.ID), nullTime(e.UnitTime), null(e.Recording), null(e.Store),
		e.Seconds, null(string(e.Code)), nullInt(e.Count), null(string(e.State)), null(string(e.From)), null(e.Text))
	if err != nil {
		return fmt.Errorf("write %s of %s: %w", e.Kind, e.Room, err)
	}
	return nil
}

func putLatest(tx *sql.Tx, room int64, l *practice.Latest) error {
	if len(l.Payload) == 0 {
		_, err := tx.Exec("DELETE FROM latest WHERE room = ? AND name = ?", room, l.Name)
		return err
	}
	_, err := tx.Exec(`INSERT INTO latest(room, name, at, payload) VALUES(?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, payload = excluded.payload`, room, l.Name, l.At.UnixMilli(), l.Payload)
	return err
}

func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func nullInt(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func nullTime(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}
