package dashboard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

const (
	auditRecord  = "audit"
	snoozeRecord = "snooze"
	maxAudit     = 5000 // lines; the oldest go
)

var _ page.Desk = (*Dashboard)(nil)

// snooze is a room about which somebody wants no notices for a while.
type snooze struct {
	Until time.Time
	By    string
}

// audited changes the records, and enters in the audit log who did it, in the same transaction.
func (d *Dashboard) audited(ctx context.Context, act page.Act, change func(*history.Tx) error) error {
	act.At, act.By, act.Text = time.Now(), topic.OneLine(act.By), topic.OneLine(act.Text)
	return d.db.Update(ctx, func(tx *history.Tx) error {
		if err := change(tx); err != nil {
			return err
		}
		return errors.Join(putRecord(tx, auditRecord, newID(), act), tx.Trim(auditRecord, maxAudit))
	})
}

// Snooze implements page.Desk.
func (d *Dashboard) Snooze(ctx context.Context, room practice.RoomID, by string, until time.Time) error {
	what, text := "snoozed", "until "+until.In(d.o.Location).Format("2 Jan 2006 15:04")
	if until.IsZero() {
		what, text = "ended the snooze of", ""
	}
	err := d.audited(ctx, page.Act{By: by, What: what, On: room.String(), Text: text}, func(tx *history.Tx) error {
		if until.IsZero() {
			return tx.Delete(snoozeRecord, room.String())
		}
		value, err := json.Marshal(snooze{until, topic.OneLine(by)})
		if err != nil {
			return err
		}
		return tx.Put(snoozeRecord, room.String(), value)
	})
	if err != nil {
		return err
	}
	d.snoozeNotices(room, until)
	d.fan.tell(changeAll)
	return nil
}

// Snoozed implements page.Desk.
func (d *Dashboard) Snoozed(ctx context.Context, room practice.RoomID) (time.Time, string, error) {
	value, err := d.db.Get(ctx, snoozeRecord, room.String())
	if err != nil || value == nil {
		return time.Time{}, "", err
	}
	var s snooze
	if err := json.Unmarshal(value, &s); err != nil {
		return time.Time{}, "", fmt.Errorf("read the snooze of %s: %w", room, err)
	}
	return s.Until, s.By, nil
}

// Audit implements page.Desk.
func (d *Dashboard) Audit(ctx context.Context, limit int) ([]page.Act, error) {
	all, err := records[page.Act](ctx, d.db, auditRecord, maxAudit)
	if err != nil {
		return nil, err
	}
	newest := make([]page.Act, 0, min(limit, len(all)))
	for i := len(all) - 1; i >= 0 && len(newest) < limit; i-- {
		newest = append(newest, all[i])
	}
	return newest, nil
}
