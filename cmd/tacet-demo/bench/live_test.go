package bench_test

import (
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

const text = `Good morning, please take a seat. How have you been since the last time that we met?
I have been sleeping badly, and the new tablets make me feel dizzy in the morning, about half an hour after breakfast.
Then we shall halve the dose for two weeks. Take one with water before you go to bed,
and write down each night how long you slept.`

// consultation is two people in a room who speak in turns.
func consultation(b *testing.B) []int16 {
	b.Helper()
	var sound []float64
	for _, voice := range []string{"en-us+m3", "en-gb+f2"} {
		speech, err := audiotest.Speech(voice, text, audiotest.Rate)
		if err != nil {
			b.Fatalf("%v: install espeak-ng", err)
		}
		sound = append(sound, audiotest.InRoom(speech, audiotest.Rate, 0.4, 1)...)
		sound = append(sound, make([]float64, 2*audiotest.Rate)...)
	}
	noise := audiotest.RMS(sound) * audiotest.Decibels(-20)
	return audiotest.Samples(audiotest.Mix(sound, noise, audiotest.Pink(1, len(sound))))
}

// BenchmarkLive records a consultation with the unit and with a pipe of stock tools, from the same
// microphone at the same time.
func BenchmarkLive(b *testing.B) {
	length := duration(b)
	sound := consultation(b)
	room := audiotest.NewPulse(b)
	talk, hush := context.WithCancel(b.Context())
	defer hush()
	go func() {
		for room.Play(talk, sound) == nil {
		}
	}()
	var ours, peers, ratios, rests, rss, private, server []float64
	for range rounds {
		m := live(b, room, "opus", length)
		codec := encodeAlone(b, sound, length)
		ours, peers = append(ours, m.ours), append(peers, m.peers)
		ratios, rests = append(ratios, m.ours/m.peers), append(rests, m.ours-codec)
		rss, private, server = append(rss, m.rss), append(private, m.private), append(server, m.server)
		b.Logf("ours %.1f, peers %.1f, libopus alone %.1f CPU s/h", m.ours, m.peers, codec)
	}
	wav := live(b, room, "wav", length)
	measured("CPU live, Opus at its default, against arecord, opusenc at 32 kbit/s and age", median(ratios), 0.5, "")
	measured("– ours, the whole process", median(ours), 0, "CPU s/h")
	measured("– of it the sound server's client thread, which arecord has too", median(server), 0, "CPU s/h")
	measured("– theirs, three processes", median(peers), 0, "CPU s/h")
	measured("the same less libopus alone", median(rests), 15, "CPU s/h")
	measured("– as WAV: no codec, three times the bytes", wav.ours, 0, "CPU s/h")
	measured("private memory while recording", median(private), 14, "MiB")
	measured("– resident, with the program file's pages", median(rss), 0, "MiB")
	hush()
}

// costs are in CPU seconds for each hour of sound, and in MiB.
type costs struct{ ours, peers, server, rss, private float64 }

// live records for some time with both.
func live(b *testing.B, room *audiotest.Pulse, codec string, length time.Duration) costs {
	b.Helper()
	unit := demotest.NewUnit(b, demotest.Settings{Device: audiotest.Device, Codec: codec, Parties: []string{"room"}})
	demo := unit.Start(b, room.Env()...)
	demo.Consent()
	demo.Until("two seconds", demotest.Recorded(1, 2))
	daemon := demo.UnitPid()
	pipe := startPipe(b, room, unit.Temp)
	count := func() (ours, peers time.Duration) {
		for _, pid := range pipe {
			peers += cpu(b, pid)
		}
		return cpu(b, daemon), peers
	}
	ours, peers := count()
	before, begin := threads(b, daemon), time.Now()
	<-time.After(length)
	oursNow, peersNow := count()
	took := time.Since(begin)
	perHour := float64(time.Hour) / float64(took)
	c := costs{
		ours: (oursNow - ours).Seconds() * perHour, peers: (peersNow - peers).Seconds() * perHour,
		rss:     memory(b, daemon, "status", "VmRSS"),
		private: memory(b, daemon, "smaps_rollup", "Private_Clean", "Private_Dirty"),
	}
	for _, t := range since(before, threads(b, daemon)) {
		if t.name == "threaded-ml" {
			c.server = t.cpu.Seconds() * perHour
		}
		if t.cpu > took/10000 {
			b.Logf("thread %-12s %5.1f CPU s/h, %5.1f waits a second", t.name, t.cpu.Seconds()*perHour,
				float64(t.switches)/took.Seconds())
		}
	}
	for _, pid := range pipe {
		syscall.Kill(pid, syscall.SIGTERM)
	}
	demo.Press("room")
	file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0]
	if file.Seconds < length.Seconds() {
		b.Fatalf("only %.0f s were recorded", file.Seconds)
	}
	demo.Stop()
	return c
}

// startPipe starts the stock tools, and returns their processes.
func startPipe(b *testing.B, room *audiotest.Pulse, dir string) (pids []int) {
	b.Helper()
	office, err := age.GenerateHybridIdentity()
	if err != nil {
		b.Fatal(err)
	}
	var before io.Reader
	for _, args := range [][]string{
		{"arecord", "-q", "-D", audiotest.Device, "-t", "raw", "-f", "S16_LE", "-r", "48000", "-c", "1"},
		{"opusenc", "--quiet", "--raw", "--raw-rate", "48000", "--raw-chan", "1", "--bitrate", "32", "-", "-"},
		{"age", "-r", office.Recipient().String(), "-o", filepath.Join(dir, "pipe.age")},
	} {
		c := exec.Command(demotest.Tool(b, args[0]), args[1:]...)
		c.Env = append(c.Environ(), room.Env()...)
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		c.Stdin = before
		if before, err = c.StdoutPipe(); err != nil {
			b.Fatal(err)
		}
		if err := c.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Process.Kill(); c.Wait() })
		pids = append(pids, c.Process.Pid)
	}
	return pids
}

// encodeAlone returns what libopus alone needs for the same sound.
func encodeAlone(b *testing.B, sound []int16, length time.Duration) float64 {
	b.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	e, err := audio.NewEncoder(audio.Format{Codec: "opus", Rate: audiotest.Rate, Channels: 1, Bitrate: 48000,
		ID: strings.Repeat("0", 10)})
	if err != nil {
		b.Fatal(err)
	}
	before := threadCPU(b)
	frames := int(length/time.Second) * audiotest.Rate
	for done := 0; done < frames; {
		at := done % len(sound)
		n := min(4096, len(sound)-at, frames-done)
		if _, err := e.Encode(sound[at : at+n]); err != nil {
			b.Fatal(err)
		}
		done += n
	}
	return (threadCPU(b) - before).Seconds() * float64(time.Hour) / float64(length)
}

// threadCPU returns the CPU time of this thread.
func threadCPU(b *testing.B) time.Duration {
	b.Helper()
	var r syscall.Rusage
	const thread = 1 // RUSAGE_THREAD
	if err := syscall.Getrusage(thread, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
