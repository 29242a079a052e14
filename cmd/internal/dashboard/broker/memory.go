package broker

import (
	"context"
	"fmt"
	"time"

	"tacet/cmd/internal/dashboard/history"
)

const (
	// describedRecord is the kind of record that holds what is retained for Home Assistant, by topic.
	describedRecord = "retained"
	// keepWithin is how long the disk may take.
	keepWithin = 5 * time.Second
	// page is how many records are read at once.
	page = 500
)

// FromHistory returns the memory in a dashboard's database: the latest of each room's topics, which
// the dashboard keeps, and the descriptions for Home Assistant.
func FromHistory(ctx context.Context, db *history.DB) Memory { return &remembered{ctx, db} }

type remembered struct {
	ctx context.Context
	db  *history.DB
}

func (m *remembered) Retained(put func(topic string, payload []byte)) error {
	err := m.db.Rooms(m.ctx, func(k history.Kept) {
		for _, l := range k.Latest {
			put("tacet/"+k.ID.String()+"/"+l.Name, l.Payload)
		}
	})
	for after := ""; err == nil; {
		var some []history.Record
		if some, err = m.db.List(m.ctx, describedRecord, after, page); err != nil || len(some) == 0 {
			break
		}
		for _, r := range some {
			put(r.Key, r.Value)
			after = r.Key
		}
	}
	if err != nil {
		return fmt.Errorf("restore what was retained: %w", err)
	}
	return nil
}

func (m *remembered) Keep(topic string, payload []byte) error {
	ctx, cancel := context.WithTimeout(m.ctx, keepWithin)
	defer cancel()
	return m.db.Update(ctx, func(tx *history.Tx) error {
		if len(payload) == 0 {
			return tx.Delete(describedRecord, topic)
		}
		return tx.Put(describedRecord, topic, payload)
	})
}
