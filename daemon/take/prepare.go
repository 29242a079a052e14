package take

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"tacet/daemon/disk"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/trust"
)

// keyTime bounds the child process that makes a recording's key.
const keyTime = 10 * time.Second

// prepare makes a take in memory: a consent that is withdrawn before a sample may be kept leaves
// nothing.
func prepare(s *Settings, d *disk.Disk, acts []recording.Act) (_ *Take, err error) {
	if d == nil {
		return nil, errors.New("the spool is not there")
	}
	if err := d.CheckLock(); err != nil { // the folder may be gone since the last check
		return nil, err
	}
	if _, err := disk.Room(d.Spool, s.Reserve, s.BytesPerSecond); err != nil {
		return nil, err
	}
	t := &Take{ID: recording.NewID(), Started: s.Clock.Now(), Created: time.Now(), s: s, head: s.Head, acts: acts}
	t.Name = recording.Name(t.Started, s.Head.Room, t.ID)
	if t.enc, err = s.NewEncoder(t.ID); err != nil {
		return nil, health.WithCode(health.EncoderFault, err)
	}
	recipients := d.Trust.Now().Recipients
	h := &t.head
	h.ID, h.Started, h.Clock = t.ID, t.Started, "unsynced"
	if s.Clock.Synced() {
		h.Clock = "synced"
	}
	h.Recipients, h.UnitKey, h.Ledger = trust.Fingerprints(recipients), d.UnitKey, string(d.Ledger.Head())
	if t.key, err = newKey(context.Background(), s, recipients, h.Origin()); err != nil {
		t.enc.Release()
		return nil, health.WithCode(health.RecipientsBad, fmt.Errorf("make the recording's key: %w", err))
	}
	return t, nil
}

func newKey(ctx context.Context, s *Settings, recipients []string, comment string) (recording.Key, error) {
	if len(recipients) == 0 {
		return recording.Key{}, trust.ErrNobody
	}
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	return s.NewKey(ctx, recipients, comment)
}

// TryKey makes a recording's key and throws it away.
func TryKey(ctx context.Context, s *Settings, recipients []string) error {
	_, err := newKey(ctx, s, recipients, recording.Origin(s.Head.Site, s.Head.Room, recording.NewID()))
	return err
}

// writeHead writes the head and enters the start in the ledger.
func (t *Take) writeHead(d *disk.Disk) (err error) {
	if t.sealer, err = recording.NewSealer(t.head, t.key, d.Unit); err != nil {
		return health.WithCode(health.EncoderFault, err)
	}
	head, err := t.sealer.Begin(t.acts)
	if err != nil {
		return health.WithCode(health.EncoderFault, err)
	}
	t.key, t.acts = recording.Key{}, nil
	f, err := d.Spool.Create(t.Name)
	if err != nil {
		return err
	}
	if err = f.Append(head); err == nil {
		sum := sha256.Sum256(t.sealer.HeadNote())
		err = d.Ledger.Append(ledger.Entry{
			Type: ledger.Started, Time: t.Started, ID: t.ID, Note: hex.EncodeToString(sum[:]),
		})
		if err != nil {
			err = health.WithCode(health.LedgerError, err)
		}
	}
	if err != nil {
		f.Close()
		_ = d.Spool.Remove(t.Name)
		return err
	}
	t.file = f
	return nil
}
