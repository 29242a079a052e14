package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
	"tacet/daemon/store"
)

// recipients makes a recording's key and encrypts it, as the start of a recording does.
func (d *doctor) recipients(ctx context.Context) {
	if !d.try(ctx, "encryption", networkTimeout, func(ctx context.Context) (string, error) {
		return "made a recording's key and encrypted it to all recipients", daemon.ProbeKey(ctx, d.cfg)
	}) {
		return
	}
	for _, r := range d.cfg.Encrypt.Recipients {
		kind := "classic"
		if strings.HasPrefix(r, "age1pq1") {
			kind = "hybrid, post-quantum"
		}
		result, note := ok, ""
		if u := d.lastReport; u != nil && u.Unconfirmed != nil && slices.Contains(u.Unconfirmed.Recipients, r) {
			result = failed
			note = `: new to this unit, so it gets nothing that is recorded; to accept it, run "sudo tacetd confirm"`
		}
		d.report(result, "recipient", "%s…%s (%s), fingerprint %s%s", r[:12], r[len(r)-6:], kind, recording.Fingerprint(r),
			note)
	}
}

// trust reports the daemon's warnings about recipients and drives that get nothing. Only the unit
// knows whom it trusts.
func (d *doctor) trust(context.Context) {
	if d.lastReport == nil {
		return
	}
	for _, w := range d.lastReport.Warnings {
		switch health.Code(w.Code) {
		case health.RecipientsBad, health.RecipientsChanged, health.LedgerNew, health.DriveNew, health.StoreForeign:
			d.report(failed, "trust", "the unit reports: %s", w.Message)
		}
	}
}

// lockSpool takes the spool's lock. If it is taken already, a daemon is running.
func (d *doctor) lockSpool(ctx context.Context) {
	var lock *spool.Held
	_, d.lockErr = within(ctx, diskTimeout, func(context.Context) (_ string, err error) {
		lock, err = spool.Lock(d.cfg.Spool.Path)
		return "", err
	})
	if e := (*spool.Error)(nil); errors.As(d.lockErr, &e) && e.Kind == spool.InUse {
		d.running, d.lockErr = "the running daemon", nil
	} else if d.lockErr == nil {
		d.lock = lock
	}
}

func (d *doctor) spool(ctx context.Context) {
	d.try(ctx, "spool "+d.cfg.Spool.Path, diskTimeout, func(context.Context) (string, error) {
		if d.lockErr != nil {
			return "", d.lockErr
		}
		free, err := daemon.ProbeSpool(d.cfg, d.lock != nil)
		result := "was written, read back and cleaned up"
		if d.lock == nil {
			result = "looks writable; only " + d.running + " writes there"
		}
		return fmt.Sprintf("%s; room for %.1f h", result, free.Hours()), err
	})
}

func (d *doctor) stores(ctx context.Context) {
	for _, s := range d.cfg.Stores {
		d.try(ctx, "store "+s.Name+" ("+s.Kind+")", networkTimeout, func(ctx context.Context) (string, error) {
			tried, err := store.Probe(ctx, d.storeKind(s, daemon.ProbeDrives(d.cfg)))
			return describeStore(tried), err
		})
	}
	if d.cfg.Stores == nil {
		d.report(untried, "stores", "none is configured")
	}
}

// describeStore describes a store that was tried with success.
func describeStore(t store.Tried) string {
	text := "accepts copies, and nothing was left there: " + t.Where
	if t.Left != "" {
		text = "accepts copies: " + t.Where + "; " + t.Left
	}
	for _, limit := range t.Limits {
		text += "; note: " + limit
	}
	return text
}
