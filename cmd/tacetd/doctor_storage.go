package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"tacet/cmd/internal/diagnosis"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/health"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
	"tacet/daemon/store"
)

// recipients makes a recording's key and encrypts it, as the start of a recording does.
func (d *doctor) recipients(ctx context.Context) {
	check := fix{"correct [encrypt] in the configuration", "tacet check " + diagnosis.Quote(d.path)}
	if !d.try(ctx, "encryption", networkTimeout, check, func(ctx context.Context) (string, error) {
		return "made a recording's key and encrypted it to all recipients", daemon.ProbeKey(ctx, d.cfg)
	}) {
		return
	}
	for _, r := range d.cfg.Encrypt.Recipients {
		kind := "classic"
		if strings.HasPrefix(r, "age1pq1") {
			kind = "hybrid, post-quantum"
		}
		shown := fmt.Sprintf("%s…%s (%s), fingerprint %s", r[:12], r[len(r)-6:], kind, recording.Fingerprint(r))
		if u := d.lastReport; u != nil && u.Unconfirmed != nil && slices.Contains(u.Unconfirmed.Recipients, r) {
			d.failed("recipient", fix{"confirm it if you expect it", "sudo tacetd confirm"},
				"%s: new to this unit, so it gets nothing that is recorded", shown)
			continue
		}
		d.report(ok, "recipient", "%s", shown)
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
			d.failed("trust", fix{"read what is new, and accept it only if you expect it", "sudo tacetd confirm"},
				"the unit reports: %s", w.Message)
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
	path := diagnosis.Quote(d.cfg.Spool.Path)
	d.try(ctx, "spool "+d.cfg.Spool.Path, diskTimeout, fix{"see that the folder is there, that its disk is mounted " +
		"and has room, and that the service's user owns it", "ls -ld " + path + "; df -h " + path}, func(context.Context) (string, error) {
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
		d.try(ctx, "store "+s.Name+" ("+s.Kind+")", networkTimeout, storeFix(s), func(ctx context.Context) (string, error) {
			tried, err := store.Probe(ctx, d.storeKind(s, daemon.ProbeDrives(d.cfg)))
			return describeStore(tried), err
		})
	}
	if d.cfg.Stores == nil {
		d.report(absent, "stores", "none is configured")
	}
}

// storeFix is what to do about a store that fails.
func storeFix(s config.Store) fix {
	switch s.Kind {
	case config.Drive:
		return fix{`plug in a drive that "tacet drive init" has prepared for this room`,
			"lsblk -o NAME,LABEL,FSTYPE,SIZE,MOUNTPOINTS"}
	case config.Folder:
		return fix{"see that the share is mounted, and that the service's user may write there",
			"findmnt -T " + diagnosis.Quote(s.Path) + "; ls -ld " + diagnosis.Quote(s.Path)}
	case config.SFTP:
		u, err := url.Parse(s.URL)
		if err != nil {
			u = &url.URL{}
		}
		port := cmp.Or(u.Port(), "22")
		return fix{"see whether the account, its key and its folder work without Tacet",
			fmt.Sprintf("sudo -u tacet sftp -i %s -o UserKnownHostsFile=%s -P %s %s", diagnosis.Quote(s.Key),
				diagnosis.Quote(s.KnownHosts), port, diagnosis.Quote(u.User.Username()+"@"+u.Hostname()))}
	}
	return fix{"see whether the server answers, and whether the keys may write into the bucket",
		"curl -v " + diagnosis.Quote(s.Endpoint)}
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
