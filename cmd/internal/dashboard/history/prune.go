package history

import "time"

// prune removes what is too old or too much.
func (d *DB) prune(now time.Time) {
	for _, step := range []struct {
		query string
		args  []any
	}{
		{"DELETE FROM entry WHERE at < ?", []any{now.Add(-d.o.Remember).UnixMilli()}},
		{"DELETE FROM checkpoint WHERE at < ?", []any{now.Add(-d.o.Remember).UnixMilli()}},
		// Of the heads that are older, the last of each day is enough for a witness, and tells no
		// times.
		{`DELETE FROM head WHERE at < ?1 AND id NOT IN
			(SELECT max(id) FROM head WHERE at < ?1 GROUP BY room, at / 86400000)`,
			[]any{now.Add(-d.o.Remember).UnixMilli()}},
		{`DELETE FROM entry WHERE id IN (SELECT id FROM
			(SELECT id, row_number() OVER (PARTITION BY room ORDER BY at DESC, id DESC) AS n FROM entry
				WHERE room IN (SELECT room FROM entry GROUP BY room HAVING count(*) > ?1))
			WHERE n > ?1)`, []any{d.o.PerRoom}},
		{"DELETE FROM entry WHERE id <= (SELECT id FROM entry ORDER BY id DESC LIMIT 1 OFFSET ?)", []any{d.o.Entries}},
		{`DELETE FROM head WHERE id <= (SELECT id FROM head ORDER BY id DESC LIMIT 1 OFFSET ?)`, []any{d.o.Entries}},
	} {
		if _, err := d.write.Exec(step.query, step.args...); err != nil {
			d.o.Log.Error("old entries can't be removed", "err", err)
			return
		}
	}
}
