package main

import (
	"context"
	"fmt"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"

	"tacet/daemon"
)

// watchdog feeds systemd's, but only while the daemon's owner goroutine answers: one that hangs is
// killed, and started again.
type watchdog struct {
	due    <-chan time.Time
	ticker *time.Ticker
	every  time.Duration
}

// newWatchdog takes its interval from systemd; without one it is never due. It feeds it: opening
// the lines may have taken long.
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

func (w *watchdog) feed(d *daemon.Daemon) {
	ctx, cancel := context.WithTimeout(context.Background(), w.every/2)
	defer cancel()
	if d.Ping(ctx) == nil {
		_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
	}
}

// stop feeds it once more: the lines of the next daemon may take long to open.
func (w *watchdog) stop() {
	if w.ticker != nil {
		w.ticker.Stop()
		_, _ = sd.SdNotify(false, sd.SdNotifyWatchdog)
	}
}

// notify tells systemd, and who asks it for the service's status, how it is.
func notify(sentence string) error {
	_, err := sd.SdNotify(false, sd.SdNotifyReady+"\nSTATUS="+sentence)
	return err
}

// sentence is the status in one line for a person.
func sentence(s daemon.Status) string {
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
