package card

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tacet/systemd/needs"
)

var (
	sheet = regexp.MustCompile(`/Type /Page\b[^s]`)
	size  = regexp.MustCompile(`/MediaBox \[\s*0 0 ([0-9.]+) ([0-9.]+)`)
)

// The longest card fits on one sheet: of A5, and with large letters of A4.
func TestCardPrintsOnOneSheet(t *testing.T) {
	browser := needs.Program(t, "chromium", "chromium")
	for _, lang := range Languages() {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for i, room := range []string{"four, all that can be said", "four, all that can be said", "two"} {
			large := i == 1
			cfg := rooms()[room]
			card := New(cfg, w)
			if room == "two" { // as long as fits the larger letters
				for utf8.RuneCountInString(strings.Join(card.Words(), " ")) < brief-5 {
					cfg.Consent.Purpose += " word"
					card = New(cfg, w)
				}
			}
			if (card.points(false) > 10) != (room == "two") {
				t.Errorf("%s, %s: %v points for %d letters", lang, room, card.points(false), len(strings.Join(card.Words(), " ")))
			}
			page, err := card.Page(large)
			if err != nil {
				t.Fatal(err)
			}
			pdf := printed(t, browser, page)
			if n := len(sheet.FindAll(pdf, -1)); n != 1 {
				t.Errorf("%s, %s, large %v: it takes %d sheets", lang, room, large, n)
			}
			want := map[bool]string{false: "420", true: "594"}[large] // points
			if m := size.FindSubmatch(pdf); m == nil || string(m[1][:3]) != want {
				t.Errorf("%s, large %v: the sheet is %q wide, want %s", lang, large, m, want)
			}
		}
	}
}

// printed returns the page as Chromium prints it.
func printed(t *testing.T, browser string, page []byte) []byte {
	t.Helper()
	dir := t.TempDir()
	file, out := filepath.Join(dir, "card.html"), filepath.Join(dir, "card.pdf")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	said, err := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu",
		"--user-data-dir="+filepath.Join(dir, "user"),
		"--no-pdf-header-footer", "--print-to-pdf="+out, "file://"+file).CombinedOutput()
	pdf, read := os.ReadFile(out)
	if err != nil || read != nil {
		t.Fatalf("print: %v, %v: %s", err, read, said)
	}
	return pdf
}
