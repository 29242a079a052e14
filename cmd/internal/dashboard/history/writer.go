package history

import (
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

// Write is what is written together. Empty fields write nothing.
type Write struct {
	Room    practice.RoomID
	Memory  *practice.Memory
	Entries []practice.Entry
	Latest  *practice.Latest // with an empty payload: it is removed
	Ledger  *topic.Ledger
	At      time.Time // of Ledger
	// Update is for records. It may run several times.
	Update func(*Tx) error
	// Done is called after the commit, with an error if this write can never succeed. It runs on the
	// writer's goroutine, and must not block. May be nil.
	Done func(error)
}

func (w *Write) empty() bool {
	return w.Memory == nil && len(w.Entries) == 0 && w.Latest == nil && w.Ledger == nil && w.Update == nil
}

const (
	// lull: if nothing comes for this long, there is nothing to wait for. A broker that waits for
	// acknowledgements sends no more.
	lull = 5 * time.Millisecond
	// maxBatch is the most writes of one commit.
	maxBatch = 2000
	// lastTry is how long Close waits for a disk that fails.
	lastTry = 3 * time.Second
)

// run is the writer.
func (d *DB) run() {
	defer close(d.done)
	prune := time.NewTicker(time.Hour)
	defer prune.Stop()
	d.prune(time.Now())
	for {
		select {
		case w := <-d.in:
			d.commit(d.gather(w))
		case now := <-prune.C:
			d.prune(now)
		case <-d.stop:
			for {
				select {
				case w := <-d.in:
					d.commit(d.gather(w))
				default:
					return
				}
			}
		}
	}
}

// gather takes what comes soon after the first write.
func (d *DB) gather(first Write) []Write {
	batch := []Write{first}
	late := time.NewTimer(d.o.Gather)
	defer late.Stop()
	quiet := time.NewTimer(min(lull, d.o.Gather))
	defer quiet.Stop()
	for len(batch) < maxBatch {
		select {
		case w := <-d.in:
			batch = append(batch, w)
			quiet.Reset(min(lull, d.o.Gather))
		case <-quiet.C:
			return batch
		case <-late.C:
			return batch
		}
	}
	return batch
}

// commit writes a batch, and tries until it succeeds or the database is closed.
func (d *DB) commit(batch []Write) {
	wait := 50 * time.Millisecond
	var giveUp <-chan time.Time
	stop := d.stop
	for {
		errs, err := d.try(batch)
		if err == nil {
			d.behind.Store(nil)
			for i, w := range batch {
				if w.Done != nil {
					w.Done(errs[i])
				}
			}
			return
		}
		text := err.Error()
		if d.behind.Swap(&text) == nil {
			d.o.Log.Error("the history can't be written; events are not acknowledged until it can", "err", err)
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-stop:
			stop, giveUp = nil, time.After(lastTry)
		case <-giveUp:
			pause.Stop()
			return
		}
		pause.Stop()
		wait = min(2*wait, 5*time.Second)
	}
}

// try writes a batch in one transaction. errs has the writes that can never succeed; err is about
// the disk, and then nothing was written.
func (d *DB) try(batch []Write) (errs []error, err error) {
	errs = make([]error, len(batch))
	idle := true
	for i := range batch {
		idle = idle && batch[i].empty()
	}
	if idle {
		return errs, nil
	}
	tx, err := d.write.Begin()
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for i := range batch {
		if batch[i].empty() {
			continue
		}
		if errs[i], err = d.one(tx, &batch[i]); err != nil {
			return nil, err
		}
	}
	return errs, tx.Commit()
}

// one makes one write, or none of it.
func (d *DB) one(tx *sql.Tx, w *Write) (refused, err error) {
	if _, err := tx.Exec("SAVEPOINT one"); err != nil {
		return nil, err
	}
	err = put(tx, w)
	if err == nil && w.Update != nil {
		err = w.Update(&Tx{tx: tx})
	}
	if err == nil {
		_, err = tx.Exec("RELEASE one")
		return nil, err
	}
	if passing(err) {
		return nil, err
	}
	_, failed := tx.Exec("ROLLBACK TO one; RELEASE one")
	return err, failed
}

const sqliteBusy = codes.SQLITE_BUSY

// code is SQLite's primary result code, or 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return 0
}

// Damaged reports whether an error says that the database is none, or is damaged.
func Damaged(err error) bool {
	return code(err) == codes.SQLITE_CORRUPT || code(err) == codes.SQLITE_NOTADB
}

// passing reports whether an error is about the disk, and may pass.
func passing(err error) bool {
	switch code(err) {
	case codes.SQLITE_FULL, codes.SQLITE_IOERR, codes.SQLITE_BUSY, codes.SQLITE_LOCKED, codes.SQLITE_READONLY,
		codes.SQLITE_CANTOPEN, codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_NOMEM, codes.SQLITE_PROTOCOL:
		return true
	}
	return false
}
