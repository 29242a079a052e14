package daemon

import (
	"context"
	"errors"
	"time"

	"tacet/config"
	"tacet/daemon/capture"
	"tacet/daemon/consent"
	"tacet/daemon/disk"
	"tacet/daemon/health"
	"tacet/daemon/journal"
	"tacet/daemon/lamp"
	"tacet/daemon/lines"
	"tacet/daemon/readiness"
	"tacet/daemon/recording"
	"tacet/daemon/ring"
	"tacet/daemon/store"
	"tacet/daemon/take"
	"tacet/daemon/topic"
	"tacet/daemon/wallclock"
)

const (
	// checkEnds is how long the end waits for a check of a disk that does not answer.
	checkEnds = 2 * time.Second
	// darkTime is how long the end waits for each light, and for the last tones.
	darkTime = time.Second
)

// Run is the daemon's life. It returns nil after ctx has ended and everything is closed, and an
// error when the process has to end, with the microphone perhaps open.
func (d *Daemon) Run(ctx context.Context) error {
	if d.journal != nil {
		defer d.journal.Flush(journal.Patience) // a stuck reader of the log must not keep the process
	}
	defer close(d.gone)
	if err := d.prepare(); err != nil {
		return err
	}
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	d.light.show(lamp.Off, false)
	go d.hands.reader.Run(work)
	go d.light.driver.Run(work)
	if d.status != nil {
		go d.status.Run(work)
	}
	d.tones.run()
	check, stopChecks := context.WithCancel(work)
	defer stopChecks()
	checksEnded, brokerEnded := make(chan struct{}), make(chan struct{})
	go func() { defer close(checksEnded); d.checker.Run(check) }()
	go func() { defer close(brokerEnded); d.runBroker(work) }()

	fatal := d.own(ctx)
	if d.take != nil {
		d.take.Abandon()
	}
	stopChecks()
	if fatal == nil { // the next to open the disk must not find it locked
		select {
		case <-checksEnded: // perhaps with a disk that the owner has not heard of
			d.disk, d.copies = d.checker.Opened()
		case <-time.After(checkEnds):
		}
	}
	err := errors.Join(fatal, d.shutDown(fatal))
	cancel()
	<-brokerEnded
	if fatal == nil { // nothing is left that could use it
		err = errors.Join(err, d.ring.Close())
	}
	return err
}

// prepare makes what the owner works with. It touches no hardware but the clock.
func (d *Daemon) prepare() (err error) {
	c, now := d.cfg, time.Now()
	if d.ring, err = ring.New(c.Audio.Rate, c.Audio.Channels); err != nil {
		return err
	}
	d.machine = consent.New(consent.Settings{Buttons: d.hands.buttons, Max: c.Consent.Max, Quiet: c.Consent.Quiet}, now)
	d.hands.reader = lines.NewReader(d.hw.Buttons, len(d.hands.levels), d.post)
	d.light.driver = lamp.New(d.hw.Light, d.post)
	if d.hw.StatusLight != nil {
		d.status = lamp.NewStatus(d.hw.StatusLight, d.post)
	}
	if d.hw.Buzzer != nil && c.Buzzer != nil {
		d.tones = &tones{driver: lamp.NewBuzzer(d.hw.Buzzer, d.post), repeat: c.Buzzer.Repeat}
	}
	d.mic = capture.New(capture.Settings{
		Microphone: d.hw.Microphone, Rate: c.Audio.Rate, Channels: c.Audio.Channels, Debounce: d.hands.debounce,
		Ring: d.ring, Blocks: d.blocks, Warnings: d.warnings, Post: d.post,
	})
	d.takeSettings = take.Settings{
		Head: headOf(c, d.options.Boot), NewEncoder: d.hw.NewEncoder, NewKey: d.options.NewKey,
		Reserve: c.Spool.Reserve, BytesPerSecond: bytesPerSecond(c.Audio),
		Ring: d.ring, Clock: d.hw.Clock, Log: d.log, Post: d.post,
	}
	d.checker = readiness.New(readiness.Settings{
		Opener: disk.NewOpener(d.diskSettings()), Present: d.hw.Microphone.Present,
		TryKey: d.tryKey, Follow: d.follow, Updates: d.options.Updates,
		Reserve: d.takeSettings.Reserve, BytesPerSecond: d.takeSettings.BytesPerSecond, Log: d.log,
	}, d.post)
	d.shown.since, d.checks.at, d.firstLookBy = now, now, now.Add(firstLook)
	d.checks.synced, d.suspend = d.hw.Clock.Synced(), wallclock.NewSuspendWatch(d.hw.Clock)
	return nil
}

// headOf returns what every recording's head says.
func headOf(c *config.Config, boot string) recording.Head {
	h := recording.Head{
		Site: c.Room.Site, Room: c.Room.ID, Boot: boot, Notice: c.Consent.Notice, Purpose: c.Consent.Purpose,
		Audio: recording.Audio{
			Codec: c.Audio.Codec, Rate: c.Audio.Rate, Channels: c.Audio.Channels, Bitrate: c.Audio.Bitrate,
		},
	}
	for _, b := range c.Buttons {
		h.Parties = append(h.Parties, b.Party)
	}
	return h
}

func (d *Daemon) diskSettings() disk.Settings {
	s := disk.Settings{
		Site: d.cfg.Room.Site, Room: d.cfg.Room.ID, Spool: d.cfg.Spool.Path, Dir: d.options.Dir,
		Key: d.cfg.Unit.Key, FS: d.options.FS,
		Boot: d.options.Boot, Version: d.options.Version, ConfigHash: d.cfg.Hash(), Recipients: d.cfg.Encrypt.Recipients,
		Confirmed: d.options.Confirmed, Clock: d.hw.Clock, Log: d.log,
	}
	if d.cfg.Office != nil {
		s.Office = d.cfg.Office.Key
	}
	return s
}

// tryKey makes a recording's key and throws it away.
func (d *Daemon) tryKey(ctx context.Context, k *disk.Disk) error {
	return take.TryKey(ctx, &d.takeSettings, d.recipients(k))
}

// recipients returns the public keys of those who get what is recorded.
func (d *Daemon) recipients(k *disk.Disk) []string {
	if k == nil {
		return d.cfg.Encrypt.Recipients
	}
	return k.Trust.Now().Recipients
}

// follow starts the followers, which copy recordings to the stores.
func (d *Daemon) follow(ctx context.Context, k *disk.Disk) (*disk.Copies, error) {
	s := store.Settings{
		Release: store.Release(d.cfg.Spool.Release),
		Copied: func(id, name string) {
			d.post(topic.Event{Type: topic.Copied, Recording: id, Store: name})
		},
		Released: func(id string) { d.post(topic.Event{Type: topic.Released, Recording: id}) },
		Conflict: func(name, why string) { d.warnings.SetFor(health.StoreConflict, name, why) },
		Changed:  func() { d.storesChanged.Store(true); d.wake() },
	}
	for _, c := range d.cfg.Stores {
		if d.options.Store != nil {
			s.Places = append(s.Places, store.Place{Name: c.Name, Kind: d.options.Store(c, k.Trust.Judge(c.Name)), Keep: c.Keep})
		}
	}
	return k.Follow(ctx, s)
}

// shutDown leaves the unit as it should be found. After a fatal error the light stays as it is: the
// microphone may be open until the process has gone.
func (d *Daemon) shutDown(fatal error) error {
	if d.hw.StatusLight != nil {
		within(darkTime, d.hw.StatusLight.Off)
	}
	if d.tones != nil {
		within(darkTime, d.tones.end)
	}
	if fatal != nil {
		return nil
	}
	within(darkTime, d.hw.Light.Off)
	if d.copies != nil {
		d.copies.Stop()
	}
	if d.disk != nil {
		return d.disk.Close()
	}
	return nil
}

// within calls what may hang, and waits no longer than limit.
func within(limit time.Duration, call func() error) {
	done := make(chan struct{})
	go func() { defer close(done); _ = call() }()
	select {
	case <-done:
	case <-time.After(limit):
	}
}
