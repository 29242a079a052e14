package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzParse checks that Parse always returns either a complete Config or complete problems, each in
// one line and without a private key, and always the same.
func FuzzParse(f *testing.F) {
	dir, _ := folder(f)
	file := filepath.Join(dir, "u.toml")
	for _, seed := range []string{
		"", Example, minimal, quietConfig, "\xef\xbb\xbf" + minimal, strings.ReplaceAll(minimal, "\n", "\r\n"),
		"[room", "[[", "a.b.c = 1\n[a]\n[a.b]\n[[a.b.c]]", "x = [[[[", "x = {y = {", "x = \"\"\"\n[room]\n", "\xff\xfe",
		"\x00", "x = 1979-05-27T07:32:00Z",
		"[encrypt]\nrecipients = [\"AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\"]",
		"[[button]]\nparty=\"\"\n[[button]]\n[button]\n[[room]]\n",
		"[mqtt]\nbroker = \"mqtts://u:p@[::1%25]:70000/?#\"\n",
		"[consent]\nmax = \"99999999999999999999d\"\nquiet = \"106751d23h60m\"\n",
	} {
		f.Add([]byte(seed))
	}
	line := regexp.MustCompile(`^[^\n\x00-\x1f\x7f]*$`)
	secret := regexp.MustCompile(`(?i)AGE-SECRET-KEY-(PQ-)?1[0-9A-Z]`)
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, warnings, err := Parse(file, data)
		errs, _ := err.(Errors)
		if (cfg == nil) != (err != nil) || (err != nil) != (len(errs) > 0) {
			t.Fatalf("config %v with error %v", cfg, err)
		}
		for _, p := range append(warnings, errs...) {
			s := p.String()
			if p.What == "" || p.Instead == "" || p.Line < 0 || !line.MatchString(s) || !utf8.ValidString(s) ||
				secret.MatchString(s) {
				t.Errorf("problem %q", s)
			}
		}
		if again, _, err2 := Parse(file, data); !reflect.DeepEqual(cfg, again) || !reflect.DeepEqual(err, err2) {
			t.Error("the second result differs")
		}
		if cfg != nil {
			checkComplete(t, cfg)
		}
	})
}

// checkComplete checks what users of a Config rely on.
func checkComplete(t *testing.T, cfg *Config) {
	t.Helper()
	ok := plainName.MatchString(cfg.Room.Site) && plainName.MatchString(cfg.Room.ID) && cfg.Room.Name != "" &&
		cfg.Consent.Max >= time.Second && cfg.Consent.Max <= 12*time.Hour &&
		(cfg.Consent.Quiet == 0 || cfg.Consent.Quiet >= time.Second) &&
		len(cfg.Buttons) > 0 && len(cfg.Buttons) <= maxButtons && cfg.Light.Line != "" &&
		cfg.Audio.Device != "" && cfg.Audio.Rate > 0 && cfg.Audio.Channels > 0 &&
		(cfg.Audio.Bitrate > 0) == (cfg.Audio.Codec == Opus) &&
		len(cfg.Encrypt.Recipients) > 0 && isAbs(cfg.Spool.Path) && isAbs(cfg.Unit.Key) && len(cfg.Stores) <= maxStores &&
		(len(cfg.Stores) > 0 || cfg.Spool.Release == Never)
	for _, b := range cfg.Buttons {
		ok = ok && partyName.MatchString(b.Party) && b.Line != "" && b.Debounce > 0
	}
	for _, s := range cfg.Stores {
		ok = ok && plainName.MatchString(s.Name) && s.Kind != ""
	}
	if !ok {
		t.Errorf("incomplete: %+v", cfg)
	}
}
