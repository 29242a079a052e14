package config

import (
	"os"
	"path/filepath"
	"testing"
)

// A mistake in another section doesn't keep the light on; one in the light's own does not turn
// anything on.
func TestLoadPanel(t *testing.T) {
	const panel = "[[button]]\nline = \"GPIO5\"\n[light]\nline = \"GPIO27\"\nactive = \"low\"\n" +
		"[buzzer]\nline = \"GPIO24\"\n"
	for name, c := range map[string]struct {
		text string
		ok   bool
	}{
		"nobody's keys":        {panel, true},
		"a mistake elsewhere":  {panel + "[encrypt]\nrecipients = [\"none.pub\"]\n[mqtt]\nbroker = 5\nfoo = 1\n", true},
		"the light's polarity": {"[[button]]\nline = \"GPIO5\"\n[light]\nline = \"GPIO27\"\nactive = \"lo\"\n", false},
		"no light":             {"[[button]]\nline = \"GPIO5\"\n", false},
		"a broken line":        {panel + "[room\n", false},
		"UTF-32":               {"\xff\xfe\x00\x00", false},
	} {
		file := filepath.Join(t.TempDir(), "tacet.toml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadPanel(file)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.ok && (cfg.Light != Light{Line: "GPIO27", Active: Low, SenseActive: High} || cfg.Buzzer == nil) {
			t.Errorf("%s: %+v", name, cfg.Light)
		}
	}
}

// A repeated tone that is never heard is no tone for those who don't see the light.
func TestARepeatThatNeverSounds(t *testing.T) {
	for repeat, want := range map[string]int{"0s": 0, "59m": 0, "60m": 1, "2h": 1} {
		found := 0
		for _, p := range problemsOf(filepath.Join(t.TempDir(), "tacet.toml"),
			"[buzzer]\nline = \"GPIO24\"\nrepeat = \""+repeat+"\"\n") {
			if p.Key == "buzzer.repeat" {
				found++
			}
		}
		if found != want {
			t.Errorf("%s: %d problems, want %d", repeat, found, want)
		}
	}
}
