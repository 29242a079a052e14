//go:build linux

package audiotest

import (
	_ "embed"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed fakecard/fakecard.c
var fakecard []byte

// A Card configures a fake sound card by the names in fakecard/fakecard.c: rate, channels, format,
// buffer, clock, speed, lose, burst, wave, starterr, dead, unplug. All have defaults.
type Card map[string]any

// FakeCards are sound cards without hardware: PCMs of the ALSA library that a test controls.
type FakeCards struct{ conf string }

// CardDevice is the ALSA name of the card of NewCard: a PCM from asound.conf, which names no card.
const CardDevice = "fake"

// NewCard makes one card with the name CardDevice.
func NewCard(tb testing.TB, card Card) *FakeCards {
	tb.Helper()
	return NewCards(tb, map[string]Card{CardDevice: card})
}

// NewCards makes cards by name. It needs gcc and libasound2-dev, which .ci/install installs.
func NewCards(tb testing.TB, cards map[string]Card) *FakeCards {
	tb.Helper()
	dir := tb.TempDir()
	source, library := filepath.Join(dir, "fakecard.c"), filepath.Join(dir, "libasound_module_pcm_fakecard.so")
	if err := os.WriteFile(source, fakecard, 0o600); err != nil {
		tb.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-DPIC", "-O2", "-Wall", "-Werror", "-o", library, source,
		"-lasound", "-lm").CombinedOutput(); err != nil {
		tb.Fatalf("compile the fake sound card, for which gcc and libasound2-dev are needed: %v\n%s", err, out)
	}
	c := &FakeCards{filepath.Join(dir, "asound.conf")}
	var text strings.Builder
	fmt.Fprintf(&text, "</usr/share/alsa/alsa.conf>\npcm_type.fakecard { lib %q }\n", library)
	for name, card := range cards {
		fmt.Fprintf(&text, "pcm.%s {\n\ttype fakecard\n", name)
		for _, key := range slices.Sorted(maps.Keys(card)) {
			fmt.Fprintf(&text, "\t%s \"%v\"\n", key, card[key])
		}
		text.WriteString("}\n")
	}
	if err := os.WriteFile(c.conf, []byte(text.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return c
}

// Env is the environment in which a child finds the cards.
func (c *FakeCards) Env() []string { return []string{"ALSA_CONFIG_PATH=" + c.conf} }

// Setenv makes this process find the cards during the test.
func (c *FakeCards) Setenv(tb testing.TB) {
	tb.Helper()
	tb.Setenv("ALSA_CONFIG_PATH", c.conf)
}
