package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Record is what another package keeps. Records of one kind are sorted by key.
type Record struct {
	Key   string
	Value []byte
}

// The bounds of records.
const (
	maxKeyBytes = 200
	maxValue    = 1 << 20 // bytes
	maxRecords  = 100_000 // of one kind
)

// ErrFull is the error for a record too many of one kind.
var ErrFull = errors.New("there are too many records")

// Tx is the transaction of an Update.
type Tx struct {
	tx *sql.Tx
	// most is how many records of a kind there are at most. Counting takes as long as there are
	// records, and a transaction may put thousands.
	most map[string]int
}

// Put stores a record, in place of one with the same key.
func (t *Tx) Put(kind, key string, value []byte) error {
	if len(key) > maxKeyBytes || len(value) > maxValue {
		return fmt.Errorf("store a %s: it is too large", kind)
	}
	result, err := t.tx.Exec("UPDATE record SET value = ? WHERE kind = ? AND key = ?", value, kind, key)
	if err != nil {
		return fmt.Errorf("store a %s: %w", kind, err)
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	if err := t.space(kind); err != nil {
		return fmt.Errorf("store a %s: %w", kind, err)
	}
	if _, err = t.tx.Exec("INSERT INTO record(kind, key, value) VALUES(?, ?, ?)", kind, key, value); err != nil {
		return fmt.Errorf("store a %s: %w", kind, err)
	}
	return nil
}

// space makes sure that there is space for another record of a kind, and counts it.
func (t *Tx) space(kind string) error {
	most, counted := t.most[kind]
	if !counted || most >= maxRecords {
		if err := t.tx.QueryRow("SELECT count(*) FROM record WHERE kind = ?", kind).Scan(&most); err != nil {
			return err
		}
	}
	if most >= maxRecords {
		return ErrFull
	}
	if t.most == nil {
		t.most = map[string]int{}
	}
	t.most[kind] = most + 1
	return nil
}

// Get returns a record's value; nil if there is none.
func (t *Tx) Get(kind, key string) ([]byte, error) { return get(t.tx.QueryRow, kind, key) }

// Delete removes a record, if there is one.
func (t *Tx) Delete(kind, key string) error {
	_, err := t.tx.Exec("DELETE FROM record WHERE kind = ? AND key = ?", kind, key)
	if err != nil {
		return fmt.Errorf("remove a %s: %w", kind, err)
	}
	return nil
}

// Trim removes the records of a kind with the smallest keys, until keep are left.
func (t *Tx) Trim(kind string, keep int) error {
	_, err := t.tx.Exec(`DELETE FROM record WHERE kind = ?1 AND key <= (SELECT key FROM record WHERE kind = ?1
		ORDER BY key DESC LIMIT 1 OFFSET ?2)`, kind, keep)
	if err != nil {
		return fmt.Errorf("trim %s: %w", kind, err)
	}
	return nil
}

// List returns the records of a kind with keys after one, at most limit of them.
func (t *Tx) List(kind, after string, limit int) ([]Record, error) {
	rows, err := t.tx.Query(listRecords, kind, after, limit)
	return scan(rows, err, kind)
}

const listRecords = "SELECT key, value FROM record WHERE kind = ? AND key > ? ORDER BY key LIMIT ?"

// Get returns a record's value as of the last commit; nil if there is none.
func (d *DB) Get(ctx context.Context, kind, key string) ([]byte, error) {
	return get(func(query string, args ...any) *sql.Row { return d.read.QueryRowContext(ctx, query, args...) }, kind, key)
}

// List returns the records of a kind with keys after one, at most limit of them, as of the last
// commit.
func (d *DB) List(ctx context.Context, kind, after string, limit int) ([]Record, error) {
	rows, err := d.read.QueryContext(ctx, listRecords, kind, after, limit)
	return scan(rows, err, kind)
}

func get(query func(string, ...any) *sql.Row, kind, key string) ([]byte, error) {
	value := []byte{}
	err := query("SELECT value FROM record WHERE kind = ? AND key = ?", kind, key).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read a %s: %w", kind, err)
	}
	return value, nil
}

func scan(rows *sql.Rows, err error, kind string) (all []Record, _ error) {
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	defer rows.Close()
	for rows.Next() {
		var r Record
		if err := rows.Scan(&r.Key, &r.Value); err != nil {
			return nil, fmt.Errorf("read %s: %w", kind, err)
		}
		all = append(all, r)
	}
	return all, rows.Err()
}
