package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tacet/config"
	"tacet/config/office"
	"tacet/daemon/disk"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/trust"
)

// This file is what "tacetd doctor" tries, as the daemon does it. Nothing that it tries leaves
// anything behind.

// ProbeSpool returns for how long there is room in the spool, or why it can't be used. With write,
// which needs the spool's lock, it writes, reads and removes a file; otherwise it only looks.
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
	return disk.Room(s, cfg.Spool.Reserve, bytesPerSecond(cfg.Audio))
}

// ProbeKey makes a recording's key, encrypts it to the recipients, and throws it away.
func ProbeKey(ctx context.Context, cfg *config.Config) error {
	_, err := recording.NewKey(ctx, cfg.Encrypt.Recipients,
		recording.Origin(cfg.Room.Site, cfg.Room.ID, recording.NewID()))
	return err
}

// ProbeDrives returns a judge of drives like the daemon's, as far as it needs no ledger: with an
// office, by its signature; without one, nil.
func ProbeDrives(cfg *config.Config) trust.Judge {
	if cfg.Office == nil {
		return nil
	}
	key, err := office.ParseKey(cfg.Office.Key)
	if err != nil {
		return func(mark.Mark, string, string) *store.Trouble {
			return &store.Trouble{Code: health.StoreForeign, Err: err}
		}
	}
	return trust.SignedBy(key)
}

// ProbeBroker tries with the broker what the unit needs of it, and tells it nothing new. Running says
// that the unit is online; the probe then takes another name. It returns what the broker does not
// let the unit do; empty: nothing.
func ProbeBroker(ctx context.Context, cfg *config.Config, running bool) (limits string, err error) {
	limits, err = mqtt.Probe(ctx, brokerOptions(cfg), running)
	if t := (*mqtt.Trouble)(nil); errors.As(err, &t) && t.Do != "" {
		err = fmt.Errorf("%w; %s", err, t.Do)
	}
	return limits, err
}
