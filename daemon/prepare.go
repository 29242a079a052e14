package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"tacet/daemon/consent"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/topic"
)

// prepare makes the head of a new recording, off the owner's goroutine and in memory alone: a
// consent that is withdrawn before a sample may be kept leaves nothing. The microphone is opened
// only after it.
func (d *Daemon) prepare() {
	disk, acts := d.disk, actsOf(d.machine.Acts())
	go func() {
		r, err := d.newRecorder(disk, acts)
		d.post(prepared{r, err})
	}()
}

func (d *Daemon) newRecorder(disk *disk, acts []recording.Act) (_ *recorder, err error) {
	if disk == nil {
		return nil, fmt.Errorf("the spool is not there")
	}
	if err := disk.lock.Check(); err != nil { // the folder may have gone since it was last looked at
		return nil, err
	}
	if _, err := disk.room(d.cfg.Spool.Reserve, d.bytesPerSecond); err != nil {
		return nil, err
	}
	r := &recorder{
		id: recording.NewID(), started: d.hw.Clock.Now(), origin: time.Now(),
		rate: d.cfg.Audio.Rate, channels: d.cfg.Audio.Channels,
		clock: d.hw.Clock, log: d.log, ring: d.ring, ledger: disk.ledger, post: d.post,
	}
	r.name = recording.Name(r.started, d.cfg.Room.ID, r.id)
	if r.enc, err = d.hw.NewEncoder(r.id); err != nil {
		return nil, withCode(health.EncoderFault, err)
	}
	defer func() {
		if err != nil {
			r.enc.Release()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), keyTime)
	defer cancel()
	recipients := d.recipients(disk)
	r.head, r.acts = d.head(r, disk, recipients), acts
	r.key, err = d.newKey(ctx, recipients, r.head.Origin())
	if err != nil {
		d.prober.keyless.Store(true)
		return nil, withCode(health.RecipientsBad, fmt.Errorf("make the recording's key: %w", err))
	}
	return r, nil
}

// begin makes the head durable, off the owner's goroutine: its file, its line in the ledger.
func (d *Daemon) begin() {
	r, disk := d.recorder, d.disk
	if r.head.Light = "unproved"; d.light.proved { // dark and then lit, in this start
		r.head.Light = "proved"
	}
	go func() { d.post(begun{r, r.writeHead(disk)}) }()
}

// writeHead writes the head and tells the ledger. What fails leaves no file behind, or one without
// a whole head, which recovery removes: no sample was written.
func (r *recorder) writeHead(disk *disk) (err error) {
	if r.sealer, err = recording.NewSealer(r.head, r.key, disk.unit); err != nil {
		return withCode(health.EncoderFault, err)
	}
	begin, err := r.sealer.Begin(r.acts)
	if err != nil {
		return withCode(health.EncoderFault, err)
	}
	r.key, r.acts = recording.Key{}, nil
	f, err := disk.spool.Create(r.name)
	if err != nil {
		return err
	}
	if err := f.Append(begin); err != nil {
		f.Close()
		_ = disk.spool.Remove(r.name)
		return err
	}
	sum := sha256.Sum256(r.sealer.HeadNote())
	if err := disk.ledger.Append(ledger.Entry{
		Type: ledger.Started, Time: r.started, ID: r.id, Note: hex.EncodeToString(sum[:]),
	}); err != nil {
		f.Close()
		_ = disk.spool.Remove(r.name)
		return withCode(health.LedgerError, err)
	}
	r.file = f
	return nil
}

// begun has the recorder take what is kept.
func (d *Daemon) begun(ev begun) {
	if ev.err != nil {
		d.prober.unfinished.Store(true) // what is left of its file goes
		d.warn(codeOf(ev.err, health.SpoolError), ev.err)
		d.step(consent.Begun{OK: false})
		return
	}
	ev.recorder.run()
	d.step(consent.Begun{OK: true})
}

// discard forgets a recording that is on no disk.
func (d *Daemon) discard() {
	d.recorder.enc.Release()
	d.recorder = nil
}

// tryKey makes a recording's key that nothing will be sealed to.
func (d *Daemon) tryKey(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, keyTime)
	defer cancel()
	_, err := d.newKey(ctx, d.recipients(d.prober.disk),
		recording.Origin(d.cfg.Room.Site, d.cfg.Room.ID, recording.NewID()))
	return err
}

// newKey makes a recording's key, for those who are trusted.
func (d *Daemon) newKey(ctx context.Context, recipients []string, comment string) (recording.Key, error) {
	if len(recipients) == 0 {
		return recording.Key{}, errNobody
	}
	return d.o.NewKey(ctx, recipients, comment)
}

func (d *Daemon) head(r *recorder, disk *disk, recipients []string) recording.Head {
	clock := "unsynced"
	if d.hw.Clock.Synced() {
		clock = "synced"
	}
	var parties []string
	for _, b := range d.cfg.Buttons {
		parties = append(parties, b.Party)
	}
	return recording.Head{
		ID: r.id, Site: d.cfg.Room.Site, Room: d.cfg.Room.ID,
		Started: r.started, Clock: clock, Boot: d.o.Boot,
		Audio: recording.Audio{
			Codec: d.cfg.Audio.Codec, Rate: d.cfg.Audio.Rate, Channels: d.cfg.Audio.Channels, Bitrate: d.cfg.Audio.Bitrate,
		},
		Parties: parties, Notice: d.cfg.Consent.Notice, Purpose: d.cfg.Consent.Purpose,
		Recipients: fingerprintsOf(recipients), UnitKey: disk.key,
		Ledger: string(disk.ledger.Head()),
	}
}

func actsOf(acts []consent.Act) []recording.Act {
	out := make([]recording.Act, len(acts))
	for i, a := range acts {
		out[i] = recording.Act{Party: a.Party, Act: a.Kind, Time: a.At, Line: a.Line, Cause: a.Cause}
	}
	return out
}

func (d *Daemon) prepared(ev prepared) {
	if ev.err != nil {
		d.warn(codeOf(ev.err, health.SpoolError), ev.err)
		d.step(consent.Prepared{OK: false})
		return
	}
	d.recorder = ev.recorder
	d.step(consent.Prepared{OK: true})
}

// end closes the recording; the recorder says when it is on disk.
func (d *Daemon) end(e consent.End) {
	d.recorder.failed = e.Reason == consent.ReasonFault
	d.recorder.end(e.Reason, actsOf(e.Acts))
	d.log.Info("recording ends", "recording", d.recorder.id)
}

// recorderEnded is the last of a recording. One without a sample, since the microphone failed or a
// party thought better of it at once, is not kept.
func (d *Daemon) recorderEnded(ev recorderEnded) {
	r := ev.recorder
	finished := ev.err == nil && r.position > 0
	if finished {
		d.health.Clear(health.EncoderFault)
	}
	if finished || r.said { // of a start that came to nothing no store knows
		d.copies.Ended(r.name, finished)
	}
	switch {
	case ev.err != nil:
		d.prober.unfinished.Store(true)
	case !finished:
		d.prober.drop(r)
	}
	d.log.Info("recording ended", "recording", r.id, "seconds", r.position/int64(r.rate), "err", ev.err)
	if r.said {
		length := d.framesTime(r.position)
		d.teller.event(topic.Event{Type: topic.Ended, Recording: r.id, Seconds: topic.Seconds(length)})
		d.teller.due = true
	}
	if finished && !r.failed {
		d.health.EndedWell(r.origin)
	}
	d.recorder = nil
	d.prober.soon()
	d.step(consent.Ended{})
}
