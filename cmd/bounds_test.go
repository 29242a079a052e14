package cmd_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/audio"
	"tacet/config"
)

// The encoder takes every bitrate that the config allows. Neither package imports the other, so
// this test takes the bounds from the error for a bad bitrate.
func TestEveryBitrateOfTheConfigCanBeEncoded(t *testing.T) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "practice.pub"), []byte(id.Recipient().String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	parse := func(rate, channels, bitrate int) (*config.Config, error) {
		text := strings.Replace(example, "rate     = 48000 ", fmt.Sprintf("rate = %d ", rate), 1)
		text = strings.Replace(text, "channels = 1 ", fmt.Sprintf("channels = %d ", channels), 1)
		text = strings.Replace(text, "bitrate  = 48000 ", fmt.Sprintf("bitrate = %d ", bitrate), 1)
		cfg, _, err := config.Parse(filepath.Join(dir, "tacet.toml"), []byte(text))
		return cfg, err
	}
	_, err = parse(48000, 1, 1)
	var refused config.Errors
	var least, most int
	if !errors.As(err, &refused) || len(refused) != 1 {
		t.Fatalf("a bitrate of 1: %v", err)
	}
	if _, err := fmt.Sscanf(refused[0].Instead, "write bits a second, between %d and %d", &least, &most); err != nil ||
		least >= most {
		t.Fatalf("the hint is %q: %v", refused[0].Instead, err)
	}
	for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
		for _, channels := range []int{1, 2} {
			for _, bitrate := range []int{least, most} {
				cfg, err := parse(rate, channels, bitrate)
				if err != nil {
					t.Fatal(err)
				}
				a := cfg.Audio
				if a.Rate != rate || a.Channels != channels || a.Bitrate != bitrate {
					t.Fatalf("the example's lines have changed, and this test does not find them: %+v", a)
				}
				enc, err := audio.NewEncoder(audio.Format{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate,
					ID: "7q4k9mz2ha"})
				if err != nil {
					t.Errorf("%d Hz, %d channels: %v", rate, channels, err)
					continue
				}
				if segments, err := enc.Encode(make([]int16, rate*channels)); err != nil || len(segments) != 1 {
					t.Errorf("%d Hz, %d channels, %d bit/s: %d segments a second, %v", rate, channels, bitrate, len(segments),
						err)
				}
			}
		}
	}
}

// example is the example file without an office, since nothing is signed here.
var example = strings.Replace(config.Example, "[office]\nkey = \"/etc/tacet/office.vkey\"\n", "", 1)
