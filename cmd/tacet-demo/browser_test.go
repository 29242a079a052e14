package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tacet/cmd/tacet-demo/demotest"
)

const (
	title = `document.querySelector("#phase-title").textContent`

	senseWords = `document.querySelector("#sense-words").textContent`

	bulb    = `getComputedStyle(document.querySelector("#light .bulb"))`
	lit     = bulb + `.opacity === "1" && ` + bulb + `.animationName === "none"`
	pulsing = bulb + `.animationName === "pulse" && ` + bulb + `.animationDuration === "1s"`
	dark    = bulb + `.opacity === "0" && ` + bulb + `.animationName === "none"`
	whole   = `document.querySelector(".recording .state")?.dataset.state === "whole"`
	player  = `document.querySelector(".recording audio")`
)

// push presses a button on the wall, act one in the list of recordings.
func push(party string) action {
	return chromedp.Click(chromedp.Search(fmt.Sprintf(`//div[@id="buttons"]/button[span="%s"]`, party)))
}

func act(what string) action {
	return chromedp.Click(chromedp.Search(fmt.Sprintf(`//button[text()="%s"]`, what)))
}

// A visit as people in the room see it: press, see the light, press, listen.
func TestAVisitInABrowser(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse()
	b.until(title + ` === "Not recording" && ` + dark)
	b.do(push("patient"))
	b.until(title + ` === "Waiting for the clinician" && ` + pulsing)
	b.until(senseWords + `.endsWith("lit and dark in turn.")`)
	b.do(push("clinician"))
	b.until(title + ` === "Recording" && ` + lit + ` && ` + senseWords + ` === "The sense line reads lit."`)
	b.until(`document.querySelector(".recording .state")?.dataset.state === "now"`)
	d.Until("three seconds", demotest.Recorded(1, 3))
	b.until(`document.querySelector("#clock-text").textContent >= "0:03"`)
	b.do(push("patient"))
	b.until(title + ` === "Not recording" && ` + dark + ` && ` + whole)

	length := d.Panel().Recordings[0].Seconds
	b.do(act("Play"))
	b.until(player + `?.currentTime > 0.2 && !` + player + `.paused`)
	if heard := get[float64](b, player+`.duration`); math.Abs(heard-length) > 0.05 {
		t.Errorf("the player shows %.3f s for a recording of %.3f s", heard, length)
	}
	get[float64](b, player+`.currentTime = `+player+`.duration - 0.5`)
	b.until(player + `.ended`)

	// What is offered for saving names its format.
	saved := get[[]string](b, `[...document.querySelectorAll(".recording a.act")].filter((a) => !a.hidden).map((a) => a.textContent + " " + a.download.replace(/^.*\./, ".") + " " + a.getAttribute("href").replace(/^.*tacet/, ""))`)
	if want := []string{"Save sound .opus /audio", "Save sealed file .tacet "}; !slices.Equal(saved, want) {
		t.Errorf("it offers to save %q, want %q", saved, want)
	}
	if head := get[string](b, `fetch(document.querySelector(".recording a.act").href).then((r) => r.text()).then((s) => s.slice(0, 4))`); head != "OggS" {
		t.Errorf("what is saved as sound starts with %q", head)
	}

	b.do(act("Check"))
	b.until(`document.querySelector(".recording .result").textContent.startsWith("Whole. Every byte")`)
	if text := get[string](b, `document.querySelector(".recording .result").textContent`); !strings.Contains(text,
		"This unit made it") {
		t.Errorf("the check says %q", text)
	}
	d.damage()
	b.until(`document.querySelector(".recording .state").dataset.state === "damaged"`)
	b.do(act("Check"))
	b.until(`document.querySelector(".recording .result").textContent.includes("Second 2")`)
}

// damage changes a byte in second 2 of the only recording.
func (d *running) damage() {
	d.t.Helper()
	path := filepath.Join(d.dir, "spool", d.Panel().Recordings[0].File)
	data, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	data[strings.Index(string(data), "000002.age")+512+400] ^= 1
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, data, 0o600)); err != nil {
		// a finished recording is read-only
		d.t.Fatal(err)
	}
}

// The same with the keyboard only, and a power cut.
func TestAVisitWithTheKeyboardAlone(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse()
	b.until(title + ` === "Not recording"`)
	focused := `document.activeElement.textContent`
	tab := func(to string) {
		t.Helper()
		for range 30 {
			b.do(chromedp.KeyEvent(kb.Tab))
			if get[string](b, focused) == to {
				if !get[bool](b, `(e => { const s = getComputedStyle(e.querySelector(".cap") || e); return s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 })(document.activeElement)`) {
					t.Errorf("the focus on %q is invisible", to)
				}
				return
			}
		}
		t.Fatalf("the tab key never comes to %q", to)
	}
	tab("patient")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(title + ` === "Waiting for the clinician"`)
	tab("clinician")
	b.do(chromedp.KeyEvent(" "))
	b.until(title + ` === "Recording"`)
	d.Until("two seconds", demotest.Recorded(1, 2))
	tab("Cut the power")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(`document.querySelector("#said").textContent === "The power was cut."`)
	b.until(title + ` === "Not recording" && ` + dark)
	b.until(`document.querySelector(".recording .state").dataset.state === "interrupted"`)
	tab("Play")
	b.do(chromedp.KeyEvent(kb.Enter))
	b.until(player + `?.currentTime > 0.2`)
}

// With reduced motion nothing moves, and words say what the light does.
func TestReducedMotion(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse(still())
	b.until(title + ` === "Not recording"`)
	d.Post("/panel/press?party=patient")
	b.until(title + ` === "Waiting for the clinician"`)
	if name := get[string](b, bulb+`.animationName`); name != "none" {
		t.Errorf("the light moves: %s", name)
	}
	if text := get[string](b, `document.querySelector("#light-words").textContent`); !strings.Contains(text,
		"pulses slowly") {
		t.Errorf("the words beside the light say %q", text)
	}
	if label := get[string](b, `document.querySelector("#light").getAttribute("aria-label")`); label != "Light: slow pulse" {
		t.Errorf("a screen reader says %q", label)
	}
}

// axe looks for barriers in every phase, at the width of a phone and of a desk's screen, in light
// and dark.
func TestAccessibility(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse(chromedp.EmulateViewport(320, 640))
	b.axe()
	b.until(title + ` === "Not recording"`)
	b.until(row("/availability", "online"))
	b.audit("idle")
	d.Post("/panel/press?party=patient")
	b.until(title + ` === "Waiting for the clinician"`)
	b.audit("waiting")
	d.Post("/panel/press?party=patient")
	d.Until("the end of that consent", demotest.Phase("idle"))
	rest()
	d.consent()
	b.until(title + ` === "Recording"`)
	b.audit("recording")
	d.Until("a second", demotest.Recorded(1, 1))
	d.Post("/panel/press?party=patient")
	b.until(whole)
	b.do(act("Check"), act("Play"))
	b.until(`document.querySelector(".recording .result").textContent.startsWith("Whole.") && ` + player +
		`?.duration > 0`)
	b.audit("with a recording")
}

// axe loads axe-core into the page.
func (b *browser) axe() {
	b.t.Helper()
	found, _ := filepath.Glob(filepath.Join(os.Getenv("TACET_TOOLS"), "axe-core@*.js"))
	if len(found) == 0 {
		b.t.Fatal("no axe-core in $TACET_TOOLS: make test installs it")
	}
	axe, err := os.ReadFile(found[len(found)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	get[any](b, string(axe)+`; null`)
}

// flat removes the gradients, on which axe can't measure contrast. It leaves the colour of each
// that is worst to read on.
const flat = `
	document.body.style.background =
		matchMedia("(prefers-color-scheme: dark)").matches ? "var(--wall-lit)" : "var(--wall)";
	document.querySelector("#unit").style.background = "var(--plate-low)"; null`

// audit runs axe at two widths, in light and dark.
func (b *browser) audit(when string) {
	b.t.Helper()
	for _, width := range []int64{320, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(width, 800), colours(scheme))
			get[any](b, flat)
			if over := get[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				b.t.Errorf("%s: %d pixels wide, the page is %d too wide", when, width, over)
			}
			violations := get[[]struct {
				ID, Impact, Help string
				Nodes            []struct{ HTML string }
			}](b, `axe.run().then(r => r.violations)`)
			for _, v := range violations {
				if slices.Contains([]string{"serious", "critical"}, v.Impact) {
					b.t.Errorf("%s, %d wide, %s: %s: %s: %+v", when, width, scheme, v.ID, v.Help, v.Nodes)
				} else {
					b.t.Logf("%s, %d wide, %s: minor: %s: %s: %+v", when, width, scheme, v.ID, v.Help, v.Nodes)
				}
			}
		}
	}
}
