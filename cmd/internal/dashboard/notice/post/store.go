package post

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice"
)

// Store keeps records by kind and key.
type Store interface {
	// Update runs a function in one transaction, and returns when it is on the disk. The function
	// may run several times.
	Update(ctx context.Context, f func(Tx) error) error
	// List returns records with keys after one, sorted by key.
	List(ctx context.Context, kind, after string, limit int) ([]history.Record, error)
	Get(ctx context.Context, kind, key string) ([]byte, error)
}

// Tx is a transaction.
type Tx interface {
	Put(kind, key string, value []byte) error
	Delete(kind, key string) error
}

// History is the store in a dashboard's history.
func History(db *history.DB) Store { return inHistory{db} }

type inHistory struct{ *history.DB }

func (h inHistory) Update(ctx context.Context, f func(Tx) error) error {
	return h.DB.Update(ctx, func(tx *history.Tx) error { return f(tx) })
}

// The kinds of records.
const (
	// stateKind: the engine's state. Keys and values are notice's.
	stateKind = "notice"
	// outboxKind: a message that waits for one channel. Its key is channel/number; a value is a
	// letter.
	outboxKind = "outbox"
)

// letter is a message that waits to be sent. As JSON it is what is stored.
type letter struct {
	Message notice.Message `json:"message"`
	Tries   int            `json:"tries,omitempty"` // that the server refused for good
	Left    int            `json:"left,omitempty"`  // how many messages it stands for, which had no space
}

// page is how many records are read at a time.
const page = 1000

// loadAll reads the records of a kind.
func loadAll(ctx context.Context, s Store, kind string, f func(history.Record)) error {
	for after := ""; ; {
		records, err := s.List(ctx, kind, after, page)
		if err != nil {
			return err
		}
		for _, r := range records {
			f(r)
			after = r.Key
		}
		if len(records) < page {
			return nil
		}
	}
}

// letterKey sorts the letters of a channel by their number.
func letterKey(channel string, n uint64) string { return fmt.Sprintf("%s/%020d", channel, n) }

func parseLetterKey(key string) (channel string, n uint64) {
	channel, number, _ := strings.Cut(key, "/")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return "", 0 // not one of ours
	}
	return channel, n
}

// leftOut is the letter for messages that had no space.
func leftOut(id string, left int, now time.Time) letter {
	text := fmt.Sprintf("The mail server or webhook could not be reached for so long that %d notices had no space to wait. "+
		"Open the dashboard to see how the rooms are now.\n", left)
	return letter{Left: left, Message: notice.Message{
		V: 1, ID: id, Thread: id, Kind: notice.Update, Rule: "outbox", Time: now,
		Subject: fmt.Sprintf("%d notices were left out", left), Text: text,
	}}
}

func encode(l letter) []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic("post: " + err.Error()) // texts and times of our own
	}
	return b
}
