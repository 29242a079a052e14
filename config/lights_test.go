package config

import (
	"os"
	"path/filepath"
	"testing"
)

// A mistake in another section doesn't keep the light on; one in the light's own does not turn
// anything on.
func TestLoadPanel(t *testing.T) {
	const panel = "[[button]]\nline = \"GPIO5\"\n[light]\nline = \"GPIO27\"\nactive = \"low\"\n[buzzer]\nline = \"GPIO24\"\n"
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
