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

// openFixture runs tacet open on a fixture, in a folder of its own.
func openFixture(t *testing.T, ctx context.Context, stdout io.Writer, out string) (dir string, err error) {
	t.Helper()
	dir = t.TempDir()
	for _, name := range []string{"wav.tacet", "office.key", "unit.pub"} {
		if err := os.WriteFile(filepath.Join(dir, name), fixtures(t)[name], 0o600); err != nil {
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

// wantFiles checks that a folder holds the three fixtures and these files, and nothing else.
func wantFiles(t *testing.T, dir string, names ...string) {
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
		t.Errorf("in the folder: %v", entries)
	}
}

// An interrupt leaves no partial file.
func TestOpenInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir, err := openFixture(t, ctx, io.Discard, "out.wav")
	if cli.Code(err) != cli.ExitInterrupted {
		t.Errorf("exits with %d: %v", cli.Code(err), err)
	}
	wantFiles(t, dir)
}

// A broken pipe is an error, but not a damaged recording.
func TestOpenIntoABrokenPipe(t *testing.T) {
	if _, err := openFixture(t, t.Context(), brokenPipe{}, "-"); !errors.Is(err, io.ErrClosedPipe) ||
		cli.Code(err) != cli.ExitFailed {
		t.Errorf("%v", err)
	}
}

// Only a WAV file of more than 4 GiB can't state its length.
func TestLengthFits(t *testing.T) {
	for _, c := range []struct {
		audio   recording.Audio
		samples int64
		fits    bool
	}{
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 2}, 1<<30 - 12, true},
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 2}, 1<<30 - 11, false},
		{recording.Audio{Codec: "wav", Rate: 48000, Channels: 1}, 1 << 30, true},
		{recording.Audio{Codec: "flac", Rate: 48000, Channels: 2}, 1 << 30, true},
	} {
		o := &opening{rep: &recording.Report{Head: recording.Head{Audio: c.audio},
			Sound: &recording.Sound{Samples: c.samples}}}
		h := wav.Header(c.audio.Rate, c.audio.Channels, c.samples*int64(c.audio.Channels)*2)
		if inHeader := !bytes.HasSuffix(h, []byte{0xff, 0xff, 0xff, 0xff}); c.audio.Codec == "wav" && inHeader != c.fits {
			t.Errorf("%+v, %d samples: the length is in the header: %v", c.audio, c.samples, inHeader)
		}
		if got := o.lengthFits(); got != c.fits {
			t.Errorf("%+v, %d samples: lengthFits is %v", c.audio, c.samples, got)
		}
	}
}

// Without hard links the sound gets its name anyway, and nothing is overwritten.
func TestOpenWithoutLinks(t *testing.T) {
	defer func() { link = os.Link }()
	link = func(string, string) error { return errors.ErrUnsupported }
	dir, err := openFixture(t, t.Context(), io.Discard, "out.wav")
	if err != nil {
		t.Fatal(err)
	}
	wantFiles(t, dir, "out.wav")
	if got, err := os.ReadFile(filepath.Join(dir, "out.wav")); err != nil || !bytes.Equal(got, fixtures(t)["wav.sound"]) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	link = func(_, to string) error { // another program takes the name first
		if err := os.WriteFile(to, []byte("theirs"), 0o600); err != nil {
			t.Fatal(err)
		}
		return errors.ErrUnsupported
	}
	dir, err = openFixture(t, t.Context(), io.Discard, "out.wav")
	if err == nil {
		t.Error("the other file was overwritten")
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "out.wav")); string(got) != "theirs" {
		t.Errorf("it holds %.20q", got)
	}
	wantFiles(t, dir, "out.wav")
}
