package cmd_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/audio/monitor"
	"tacet/config"
)

// settings match what a hint says to write.
var settings = regexp.MustCompile(`(device|rate|channels|codec) = ("[^"]*(?:'[^']*')?[^"]*"|[0-9]+)`)

// Writing what a refused microphone's hint says gives a valid configuration, with which the
// microphone openMic.
func TestMicrophoneHintsWork(t *testing.T) {
	cards := map[string]audiotest.Card{}
	for _, rate := range []int{8000, 16000, 22050, 32000, 44100, 96000} {
		for _, channels := range []int{1, 2, 6} {
			for _, format := range []string{"S16", "S32"} {
				cards[fmt.Sprintf("card_%d_%d_%s", rate, channels, format)] = audiotest.Card{"rate": rate, "channels": channels,
					"format": format}
			}
		}
	}
	cards["odd"] = audiotest.Card{"rate": 192000}
	audiotest.NewCards(t, cards).Setenv(t)
	for name := range cards {
		for _, codec := range []string{config.Opus, config.WAV} {
			for _, device := range []string{name, "plug:'" + name + "'"} {
				t.Run(device+" "+codec, func(t *testing.T) {
					err := followHint(t, config.Audio{Device: device, Rate: 48000, Channels: 1, Codec: codec})
					if name == "odd" {
						if err == nil || !strings.Contains(err.Error(), "use another microphone") {
							t.Errorf("192000 Hz: %v", err)
						}
					} else if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// followHint openMic the microphone. If it is refused, followHint does once what the hint says.
func followHint(t *testing.T, a config.Audio) error {
	err := openMic(a)
	if err == nil {
		return nil
	}
	if !errors.Is(err, audio.ErrRate) {
		t.Fatal(err)
	}
	values := map[string]string{
		"device": fmt.Sprintf("%q", a.Device), "rate": fmt.Sprint(a.Rate), "channels": fmt.Sprint(a.Channels),
		"codec": fmt.Sprintf("%q", a.Codec),
	}
	hints := settings.FindAllStringSubmatch(err.Error(), -1)
	if hints == nil {
		return err
	}
	for _, s := range hints {
		values[s[1]] = s[2]
	}
	cfg, e := parse(t, values)
	if e != nil {
		return fmt.Errorf("the hint %q leads to a configuration that is refused: %w", err, e)
	}
	if e := openMic(cfg.Audio); e != nil {
		return fmt.Errorf("the hint %q leads to %w", err, e)
	}
	return nil
}

// openMic opens the microphone and closes it.
func openMic(a config.Audio) error {
	var c io.Closer
	c, err := audio.NewMic(a.Device, a.Rate, a.Channels,
		slog.New(slog.DiscardHandler)).Open(func([]int16, time.Time, monitor.Raw) {}, func(error) {})
	if err != nil {
		return err
	}
	return c.Close()
}

// parse reads the example with other values in [audio].
func parse(t *testing.T, values map[string]string) (*config.Config, error) {
	dir := t.TempDir()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "practice.pub"), []byte(id.Recipient().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := example
	for key, value := range values {
		line := regexp.MustCompile(`(?m)^#? ?` + key + ` *= .*$`)
		at := strings.Index(text, "[audio]")
		found := line.FindStringIndex(text[at:])
		if found == nil {
			t.Fatalf("the example has no %s in [audio]", key)
		}
		text = text[:at+found[0]] + key + " = " + value + text[at+found[1]:]
	}
	cfg, _, err := config.Parse(filepath.Join(dir, "tacet.toml"), []byte(text))
	return cfg, err
}
