package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"tacet/audio/wav"
	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

// opened runs tacet open on a recording of the shelf, in a folder of its own.
func opened(t *testing.T, ctx context.Context, stdout io.Writer, out string) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"wav.tacet", "office.key", "unit.pub"} {
		if err := os.WriteFile(filepath.Join(dir, name), shelf(t)[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	if out != "-" {
		out = in(out)
	}
	env := &cli.Env{Name: "tacet", Ctx: ctx, Stdout: stdout, Stderr: io.Discard}
	return dir, open(env, []string{"-i", in("office.key"), "-unit", in("unit.pub"), "-o", out, in("wav.tacet")})
}

// left wants nothing in a folder but what was there, and what is named.
func left(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := os.Stat(filepath.Join(dir, e.Name())); err != nil {
			t.Error(err)
		}
	}
	if len(entries) != 3+len(names) {
		t.Errorf("left in the folder: %v", entries)
	}
}

// Somebody who interrupts it finds no half file.
func TestOpenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir, err := opened(t, ctx, io.Discard, "out.wav")
	if cli.Code(err) != cli.ExitInterrupted {
		t.Errorf("exits with %d: %v", cli.Code(err), err)
	}
	left(t, dir)
}

// A reader that goes away is an error, and not a damaged recording.
func TestOpenIntoABrokenPipe(t *testing.T) {
	if _, err := opened(t, t.Context(), brokenPipe{}, "-"); !errors.Is(err, io.ErrClosedPipe) ||
		cli.Code(err) != cli.ExitFailed {
		t.Errorf("%v", err)
	}
}

// A WAV file of more than 4 GiB can't say how long it is; nothing else has that bound.
func TestOpenTellsOfALengthThatNoHeaderHolds(t *testing.T) {
	for _, c := range []struct {
		audio   recording.Audio
		samples int64
		tells   bool
	}{
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 2}, 1<<30 - 12, true},
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 2}, 1<<30 - 11, false},
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 1}, 1 << 30, true},
		{recording.Audio{Codec: "flac", Rate: 48000, Channels: 2}, 1 << 30, true},
	} {
		o := &opening{rep: &recording.Report{Head: recording.Head{Audio: c.audio},
			Sound: &recording.Sound{Samples: c.samples}}}
		h := wav.Header(c.audio.Rate, c.audio.Channels, c.samples*int64(c.audio.Channels)*2)
		if inHeader := !bytes.HasSuffix(h, []byte{0xff, 0xff, 0xff, 0xff}); c.audio.Codec == "wav" && inHeader != c.tells {
			t.Errorf("%+v, %d samples: the length stands in the header: %v", c.audio, c.samples, inHeader)
		}
		if got := o.tellsLength(); got != c.tells {
			t.Errorf("%+v, %d samples: tells %v", c.audio, c.samples, got)
		}
	}
}

// On a stick without hard links the sound gets its name all the same, and still overwrites nothing.
func TestOpenWithoutLinks(t *testing.T) {
	defer func() { link = os.Link }()
	link = func(string, string) error { return errors.ErrUnsupported }
	dir, err := opened(t, t.Context(), io.Discard, "out.wav")
	if err != nil {
		t.Fatal(err)
	}
	left(t, dir, "out.wav")
	if got, err := os.ReadFile(filepath.Join(dir, "out.wav")); err != nil || !bytes.Equal(got, shelf(t)["wav.sound"]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	link = func(_, to string) error { // somebody was faster
		if err := os.WriteFile(to, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		return errors.ErrUnsupported
	}
	dir, err = opened(t, t.Context(), io.Discard, "out.wav")
	if err == nil {
		t.Error("somebody's file was overwritten")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "out.wav")); string(got) != "theirs" {
		t.Errorf("it holds %.20q", got)
	}
	left(t, dir, "out.wav")
}
