package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"tacet/audio"
	"tacet/audio/voice"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/stores"
	"tacet/cmd/tacet-demo/page"
	"tacet/cmd/tacet-demo/power"
	"tacet/cmd/tacet-demo/wire"
	"tacet/config"
	"tacet/daemon"
	"tacet/daemon/capture"
	"tacet/daemon/journal"
	"tacet/daemon/memory"
	"tacet/daemon/take"
	"tacet/daemon/wallclock"
)

// unitCommand is the first argument of the unit's process. Users never type it.
const unitCommand = "unit"

// command returns the command line of the unit's process.
func (u *unit) command() []string {
	return []string{"/proc/self/exe", unitCommand, "-config", u.configPath, "-dir", u.dir, "-mic", u.mic, "-broker",
		u.broker}
}

// unitMain is the main function of the unit's process.
func unitMain(env *cli.Env, args []string) error {
	f := env.Flags()
	configPath, dir := f.String("config", "", ""), f.String("dir", "", "")
	mic, broker := f.String("mic", "", ""), f.String("broker", "", "")
	if _, err := env.Parse(f, args); err != nil {
		return err
	}
	cfg, _, err := load(*configPath, *dir, *broker)
	if err != nil {
		return err
	}
	lines := journal.New(slog.NewTextHandler(env.Stderr, nil))
	defer lines.Flush(journal.Patience)
	return runUnit(env.Ctx, cfg, *dir, *mic, slog.New(lines))
}

func runUnit(ctx context.Context, cfg *config.Config, dir, mic string, log *slog.Logger) error {
	wires, err := net.FileConn(os.NewFile(power.WireFD, "wires"))
	if err != nil {
		return fmt.Errorf("find the wires: %w", err)
	}
	window, err := wire.OpenWindow(os.NewFile(power.WindowFD, "window"))
	if err != nil {
		return err
	}
	front := wire.Connect(wires, window)
	go func() {
		// The process with the panel is gone, and with it the power. The kernel would kill us
		// anyway.
		<-front.Gone()
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}()
	daemon.TuneRuntime()
	unlocked := memory.Lock()
	others, err := stores.New(ctx, log)
	if err != nil {
		return err
	}
	place := &slot{dir: dir}
	d, err := daemon.New(cfg, hardware(cfg, front, mic, log), daemon.Options{
		Log: log, Version: "demo", Dir: dir, Store: place.kinds(others.Kind(cfg)),
	})
	if err != nil {
		return err
	}
	d.MemoryUnlocked(unlocked)
	go front.Slots(place.set)
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go report(work, d, front)
	return d.Run(ctx)
}

// hardware returns the panel, and a microphone or the voice.
func hardware(cfg *config.Config, front *wire.Front, mic string, log *slog.Logger) daemon.Hardware {
	a := cfg.Audio
	hw := daemon.Hardware{
		Buttons: front, Light: front, Microphone: microphone(a, mic, log), Clock: clock{},
		NewEncoder: func(id string) (take.Encoder, error) {
			return audio.NewEncoder(audio.Format{
				Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate, ID: id,
			})
		},
	}
	if cfg.StatusLight != nil {
		hw.StatusLight = wire.StatusLight{Front: front}
	}
	if cfg.Buzzer != nil {
		hw.Buzzer = wire.Buzzer{Front: front}
	}
	return hw
}

// microphone returns the voice or an ALSA device.
func microphone(a config.Audio, mic string, log *slog.Logger) capture.Microphone {
	if mic == voiceMic {
		return voice.New(a.Rate, a.Channels)
	}
	return audio.NewMic(mic, a.Rate, a.Channels, log)
}

// clock is this machine's, which counts as synced.
type clock struct{}

func (clock) Now() time.Time { return time.Now() }
func (clock) Synced() bool   { return true }

// Suspended is the machine's: people may leave while a laptop's lid is shut.
func (clock) Suspended() time.Duration { return wallclock.System{}.Suspended() }

// report sends the daemon's status to the page whenever it changes.
func report(ctx context.Context, d *daemon.Daemon, front *wire.Front) {
	for {
		select {
		case <-d.Changed():
		case <-ctx.Done():
			return
		}
		if front.Report(status(d.Panel())) != nil {
			return
		}
	}
}

// status returns what the page shows. The page is the wall, so it may show half a consent.
func status(panel daemon.Panel, s daemon.Status) page.Status {
	p := page.Status{Power: true, Phase: panel.Phase(s), Since: s.Since, Consented: panel.Consented,
		Warnings: []page.Warning{}}
	if s.Recording != "" {
		p.Since, p.Recording = s.Started, s.Recording
	}
	for _, c := range s.Stores {
		p.Stores = append(p.Stores, page.Store{Name: c.Name, State: string(c.State), Pending: c.Pending})
	}
	for _, w := range s.Warnings {
		shown := page.Warning{Code: string(w.Code), Title: w.Title, Text: w.Text, Do: w.Do}
		for _, c := range w.Causes {
			if c.Detail != "" {
				shown.Details = append(shown.Details, c.Detail)
			}
		}
		p.Warnings = append(p.Warnings, shown)
	}
	return p
}
