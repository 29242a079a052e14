package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tacet/config"
	"tacet/config/office"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
)

// What doctor tries of the daemon's own, as the daemon does it. None leaves anything behind.

// ProbeSpool says for how long there is room in the spool, and why it can't be used. With write,
// which needs its lock, a file is written, read and removed; else it is only looked at.
func ProbeSpool(cfg *config.Config, write bool) (time.Duration, error) {
	folder, err := openFolder(cfg.Spool.Path)
	if err != nil {
		return 0, err
	}
	s, err := spool.Open(folder)
	if err != nil {
		return 0, err
	}
	if err := s.Check(); err != nil {
		return 0, err
	}
	if write {
		if err := s.Probe(); err != nil {
			return 0, err
		}
	}
	return (&disk{spool: s}).room(cfg.Spool.Reserve, fileRate(cfg.Audio))
}

// ProbeKey makes a recording's key, which nothing will ever be sealed to, and encrypts it to the
// recipients.
func ProbeKey(ctx context.Context, cfg *config.Config) error {
	_, err := recording.NewKey(ctx, cfg.Encrypt.Recipients,
		recording.Origin(cfg.Room.Site, cfg.Room.ID, recording.NewID()))
	return err
}

// ProbeDrives judges drives as the daemon does, as far as that can be told without its ledger:
// where there is an office, by its signature.
func ProbeDrives(cfg *config.Config) DriveJudge {
	if cfg.Office == nil {
		return nil
	}
	key, err := office.ParseKey(cfg.Office.Key)
	return func(m mark.Mark, uuid, where string) *store.Trouble {
		if err != nil {
			return &store.Trouble{Code: health.StoreForeign, Err: err}
		}
		return signedBy(key, m, uuid, where)
	}
}

// ProbeBroker asks of the broker what the unit asks of it, and says nothing new. running: the unit
// is online; then by another name. limits is what the unit has to go on without; empty: nothing.
func ProbeBroker(ctx context.Context, cfg *config.Config, running bool) (limits string, err error) {
	d := Daemon{cfg: cfg}
	limits, err = mqtt.Probe(ctx, d.brokerOptions(), running)
	if t := (*mqtt.Trouble)(nil); errors.As(err, &t) && t.Do != "" {
		err = fmt.Errorf("%w; %s", err, t.Do)
	}
	return limits, err
}
