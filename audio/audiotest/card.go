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

// A Card is what a sound card does that a test has made, by the names that fakecard/fakecard.c
// tells: rate, channels, format, buffer, clock, speed, lose, burst, wave, starterr, dead, unplug.
// What is not there has its default.
type Card map[string]any

// FakeCards are sound cards that need none: PCMs of the ALSA library's own, which the test
// commands.
type FakeCards struct{ conf string }

// CardDevice is the ALSA name of a test's only card: one from asound.conf, that tells nothing of a
// card.
const CardDevice = "fake"

// NewCard makes one card, of the name CardDevice.
func NewCard(tb testing.TB, card Card) *FakeCards {
	tb.Helper()
	return NewCards(tb, map[string]Card{CardDevice: card})
}

// NewCards makes cards, by their names. Where they can't be compiled the test fails: .ci/install
// brings gcc and libasound2-dev.
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

// Env is what a child needs in its environment to find the cards.
func (c *FakeCards) Env() []string { return []string{"ALSA_CONFIG_PATH=" + c.conf} }

// Setenv lets this process find the cards, for the length of the test.
func (c *FakeCards) Setenv(tb testing.TB) {
	tb.Helper()
	tb.Setenv("ALSA_CONFIG_PATH", c.conf)
}
