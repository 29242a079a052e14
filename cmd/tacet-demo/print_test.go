package main

import (
	"bytes"
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// The printed page is the card on the wall: only its text, on one sheet, black on white even in a
// dark browser, with four symbols of different shapes.
func TestPrintedPageIsTheWallCard(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse(colours("dark"))
	var pdf []byte
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		// A4, in inches
		got, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69})
		pdf = []byte(got.Data)
		return err
	}))
	if pages := len(regexp.MustCompile(`/Type /Page\b[^s]`).FindAll(pdf, -1)); !bytes.HasPrefix(pdf, []byte("%PDF")) ||
		pages != 1 {
		t.Errorf("it takes %d sheets", pages)
	}
	if name := os.Getenv("TACET_KEEP_CARD"); name != "" { // to look at it
		if err := os.WriteFile(name, pdf, 0o644); err != nil {
			t.Error(err)
		}
	}
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
		return err
	}))
	text := get[string](b, `document.body.innerText`)
	for _, want := range []string{"This room can record your visit", "To say yes", "To say no", "To stop", "To go on",
		"Off", "On",
		"Slow blink", "Three quick flashes"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"Recordings", "Behind the wall", "Cut the power", "MQTT", "Right now",
		"Not recording", "tacet"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("%q is on the card:\n%s", unwanted, text)
		}
	}
	// No two symbols have the same borders, and none needs a colour or a background, which printers
	// leave out.
	signs := get[[]string](b, `[...document.querySelectorAll(".legend .dot")].map((dot) =>
		[dot, ...dot.children].flatMap((el) =>
			[getComputedStyle(el), getComputedStyle(el, "::before"), getComputedStyle(el, "::after")]).map((s) =>
			[s.content, s.borderTopWidth, s.borderTopStyle, s.borderTopColor, s.width, s.backgroundImage,
				s.backgroundColor].join(" ")).join("; "))`)
	seen := map[string]bool{}
	for _, sign := range signs {
		if seen[sign] || strings.Contains(sign, "gradient") || regexp.MustCompile(`rgb\(2\d\d, `).MatchString(sign) {
			t.Errorf("a sign is drawn as another, or in colour: %s", sign)
		}
		seen[sign] = true
	}
	if len(signs) != 4 {
		t.Errorf("%d signs", len(signs))
	}
	if colour := get[string](b, `getComputedStyle(document.querySelector(".card h2")).color`); colour != "rgb(0, 0, 0)" {
		t.Errorf("its title is %s", colour)
	}
}
