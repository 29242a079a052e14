// Package history is the dashboard's memory: a SQLite database in a folder of its own. It keeps the
// latest payload on each topic of each room, the events of the last weeks, the heads of the units'
// ledgers, and records of other packages: notices, notes, accounts.
//
//	db, err := history.Open(dir, history.Options{})
//	db.In() <- history.Write{Room: id, Entries: entries, Done: acknowledge}
//	err = db.Update(ctx, func(tx *history.Tx) error { return tx.Put("note", key, value) })
//	entries, err := db.Timeline(ctx, room, from, to)
//
// One goroutine writes. It gathers what comes within 100 ms, or until nothing more comes for a
// moment, and commits it at once; then it calls each Done. A write that the disk refuses is tried
// again until it succeeds, and nothing after it is taken meanwhile.
//
// Promises:
//
//   - What Done was called for survives a power cut: the log is synced at each commit.
//   - An event is stored once, however often it comes.
//   - The size is bounded: by age, by the entries of a room and by those of all rooms.
//   - What is deleted is overwritten: times of consultations are personal data.
//
// The schema is in schema.go.
package history

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// File is the database's name in its folder.
const File = "dashboard.db"

// Options are the bounds; zero values mean the defaults.
type Options struct {
	Remember time.Duration // how long entries are kept; 30 days
	PerRoom  int           // the most entries of one room; 20,000
	Entries  int           // the most entries of all rooms; 5,000,000
	Gather   time.Duration // the most that a write waits for others; 100 ms
	Log      *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Remember = cmp.Or(o.Remember, 30*24*time.Hour)
	o.PerRoom = cmp.Or(o.PerRoom, 20_000)
	o.Entries = cmp.Or(o.Entries, 5_000_000)
	o.Gather = cmp.Or(o.Gather, 100*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// DB is an open database. Any goroutine may use it.
type DB struct {
	o      Options
	write  *sql.DB // one connection, of the writer's goroutine
	read   *sql.DB
	lock   *sql.DB // holds the lock on the folder
	in     chan Write
	stop   chan struct{} // closed by Close
	done   chan struct{} // closed when the writer has ended
	behind atomic.Pointer[string]
}

// ErrInUse is the error for a folder that another dashboard uses.
var ErrInUse = errors.New("another dashboard uses this folder")

// ErrNewer is the error for a database of a newer version of this program.
var ErrNewer = errors.New("it was made by a newer version of this program")

// Open opens the database in a folder, and makes both if they do not exist.
func Open(dir string, o Options) (*DB, error) {
	d := &DB{o: o.withDefaults(), in: make(chan Write, queue), stop: make(chan struct{}), done: make(chan struct{})}
	if err := d.open(dir); err != nil {
		return nil, fmt.Errorf("open the history in %s: %w", dir, errors.Join(err, d.closeFiles()))
	}
	go d.run()
	return d, nil
}

// queue is how many writes may wait for the writer.
const queue = 4096

func (d *DB) open(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	var err error
	if d.lock, err = lockFolder(dir); err != nil {
		return err
	}
	// The files that SQLite makes beside it get the same mode.
	name := filepath.Join(dir, File)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	file.Close()
	d.write, err = connect(name, 1, "journal_mode(WAL)", "synchronous(FULL)", "secure_delete(ON)",
		"foreign_keys(ON)", "busy_timeout(5000)", "cache_size(-8192)", "journal_size_limit(67108864)")
	if err != nil {
		return err
	}
	if err := d.migrate(); err != nil {
		return err
	}
	d.read, err = connectReader(name)
	return err
}

func connectReader(name string) (*sql.DB, error) {
	return connect(name, readers, "query_only(ON)", "busy_timeout(5000)", "cache_size(-4096)")
}

// OpenReader opens a database for reading only, beside a dashboard that may use it.
func OpenReader(dir string) (*DB, error) {
	d := &DB{o: Options{}.withDefaults(), stop: make(chan struct{}), done: make(chan struct{})}
	close(d.done)
	name := filepath.Join(dir, File)
	_, err := os.Stat(name)
	if err == nil {
		d.read, err = connectReader(name)
	}
	if err == nil {
		_, err = versionOf(d.read)
	}
	if err != nil {
		return nil, fmt.Errorf("open the history in %s: %w", dir, err)
	}
	return d, nil
}

// readers is how many queries run at the same time.
const readers = 3

func connect(name string, connections int, pragmas ...string) (*sql.DB, error) {
	values := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: filepath.ToSlash(name)}).EscapedPath(),
		RawQuery: values.Encode()}).String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, db.Ping()
}

// lockFolder locks a folder as long as the result is open, on every system in the same way: with an
// exclusive transaction in a database of its own.
func lockFolder(dir string) (*sql.DB, error) {
	db, err := connect(filepath.Join(dir, "lock.db"), 1, "locking_mode(EXCLUSIVE)", "journal_mode(MEMORY)")
	if err == nil {
		_, err = db.Exec("BEGIN EXCLUSIVE; CREATE TABLE IF NOT EXISTS lock(x); COMMIT")
	}
	if err != nil && db != nil {
		db.Close()
	}
	if code(err) == sqliteBusy {
		err = ErrInUse
	}
	return db, err
}

// versionOf returns the version of a database's tables; 0 if there are none.
func versionOf(db *sql.DB) (version int, err error) {
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return 0, err
	}
	if version > schemaVersion {
		return 0, fmt.Errorf("%w (schema %d, known is %d)", ErrNewer, version, schemaVersion)
	}
	return version, nil
}

// migrate makes the tables of a new database, and refuses one of a newer program.
func (d *DB) migrate() error {
	version, err := versionOf(d.write)
	if err != nil || version == schemaVersion {
		return err
	}
	tx, err := d.write.Begin()
	if err != nil {
		return err
	}
	_, err = tx.Exec(schema + fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion))
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Close writes what waits, for some seconds at most, and closes the database.
func (d *DB) Close() error {
	close(d.stop)
	<-d.done
	return d.closeFiles()
}

func (d *DB) closeFiles() error {
	var errs []error
	for _, db := range []*sql.DB{d.read, d.write, d.lock} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// In takes writes. It is full while the disk can't keep up: whoever sends waits for it, or stops
// taking messages.
func (d *DB) In() chan<- Write { return d.in }

// Behind says why nothing is written at present; empty: all is well.
func (d *DB) Behind() string {
	if text := d.behind.Load(); text != nil {
		return *text
	}
	return ""
}

// Update runs a function on the records in the next commit, and returns after it. The function may
// run several times, and must only use tx.
func (d *DB) Update(ctx context.Context, f func(*Tx) error) error {
	done := make(chan error, 1)
	select {
	case d.in <- Write{Update: f, Done: func(err error) { done <- err }}:
	case <-ctx.Done():
		return fmt.Errorf("write the history: %w", ctx.Err())
	case <-d.done:
		return errClosed
	}
	select {
	case err := <-done:
		return err
	case <-d.done:
		select {
		case err := <-done:
			return err
		default:
			return errClosed
		}
	}
}

var errClosed = errors.New("the history is closed")
