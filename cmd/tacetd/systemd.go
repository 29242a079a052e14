package main

import (
	"context"
	"fmt"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"tacet/daemon"
)

// watchdog pings systemd's watchdog as long as the daemon's owner goroutine answers. If the
// goroutine hangs, systemd kills the process and starts it again.
type watchdog struct {
	due    <-chan time.Time
	ticker *time.Ticker
	every  time.Duration
}

// newWatchdog takes its interval from systemd; if there is none, it is never due. It pings at once:
// opening the lines may have taken long.
func newWatchdog() *watchdog {
	limit, err := sd.SdWatchdogEnabled(false)
	if err != nil || limit == 0 {
		return &watchdog{}
	}
	w := &watchdog{every: limit / 2, ticker: time.NewTicker(limit / 2)}
	w.due = w.ticker.C
	_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
	return w
}

func (w *watchdog) ping(d *daemon.Daemon) {
	ctx, cancel := context.WithTimeout(context.Background(), w.every/2)
	defer cancel()
	if d.Ping(ctx) == nil {
		_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
	}
}

// stop pings once more: opening the lines of the next daemon may take long.
func (w *watchdog) stop() {
	if w.ticker != nil {
		w.ticker.Stop()
		_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
	}
}

// notify tells systemd that the service is ready, with its status in one line.
func notify(status string) error {
	_, err := sd.SdNotify(false, sd.SdNotifyReady+"\nSTATUS="+status)
	return err
}

// statusLine is the status in one line, for "systemctl status".
func statusLine(s daemon.Status) string {
	line := map[string]string{"idle": "ready, not recording", "recording": "recording", "fault": "can't record"}[s.Phase]
	if s.Ending {
		line = "ending a recording"
	}
	if n := len(s.Warnings); n > 0 {
		line += fmt.Sprintf("; %s", s.Warnings[0].Title)
		if n > 1 {
			line += fmt.Sprintf(" and %d more warnings", n-1)
		}
	}
	return line
}
