package page

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"tacet/cmd/internal/browsertest"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
	"tacet/systemd/needs"
)

// keep writes a picture where TACET_KEEP_PICTURES says, to look at it.
func keep(t *testing.T, name string, data []byte) {
	t.Helper()
	if dir := os.Getenv("TACET_KEEP_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Error(err)
		}
	}
}

// axe finds nothing serious on any page, at three widths, in light and dark.
func TestAccessibility(t *testing.T) {
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f})
	b := browsertest.Open(t, s.URL+"/icon.svg")
	for name, path := range map[string]string{"rooms": "/", "room": "/room/high-street/room-3", "today": "/today",
		"round":  "/round",
		"closed": "/closed", "log": "/log"} {
		b.Visit(s.URL + path)
		b.Until(`document.querySelector("#said").textContent !== ""`)
		b.Audit(name)
		for _, look := range []struct {
			name, scheme  string
			width, height int64
		}{{"desk", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}} {
			b.Do(browsertest.Size(look.width, look.height), browsertest.Colours(look.scheme))
			keep(t, name+"-"+look.name+".png", b.Picture())
		}
		keep(t, name+".pdf", b.Print())
	}
}

const tileOf = `document.getElementById("tile/%s")`

func tileWord(id string) string {
	return fmt.Sprintf(tileOf, id) + `?.querySelector(".word").textContent`
}

// A change shows without a reload; the title and the counts follow, and the worst comes first.
func TestChangesShow(t *testing.T) {
	f := newFake(t, known("a/one", "a/two", "a/three"))
	for _, id := range []string{"a/one", "a/two", "a/three"} {
		f.state(id)
	}
	b := browsertest.Open(t, serve(t, &Page{Source: f}).URL+"/")
	b.Until(`document.title === "3 well · Tacet" && document.querySelector("#said").textContent === "3 ready."`)
	f.state("a/two", alert("mic-missing"))
	b.Until(tileWord("a/two") + ` === "Needs a hand" && document.querySelector(".tile").id === "tile/a/two"`)
	b.Until(`document.title === "1 needs a hand · Tacet" && document.querySelector('.count[data-state="hand"]').dataset.n === "1"`)
	f.state("a/three", records)
	b.Until(tileWord("a/three") + ` === "Recording"`)
	f.pass(12 * time.Minute)
	f.publish("a/three", "heartbeat", []byte("x"))
	b.Until(fmt.Sprintf(tileOf, "a/three") + `.querySelector(".lasts").textContent === "12 min" && ` + tileWord("a/one") + ` === "Silent"`)
	f.state("a/two")
	f.state("a/one")
	b.Until(`document.title === "3 well · Tacet"`)

	// Nothing but the counts speaks.
	if live := browsertest.Get[[]string](b, `[...document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]")].map((e) => e.id)`); fmt.Sprint(live) != "[said]" {
		t.Errorf("a screen reader speaks of %v", live)
	}
}

// The broker stopped: said at once, with the age, and no tile says that all is well.
func TestBrokerGoneShows(t *testing.T) {
	f := newFake(t, known("a/one"))
	f.state("a/one")
	b := browsertest.Open(t, serve(t, &Page{Source: f}).URL+"/")
	b.Until(tileWord("a/one") + ` === "Ready"`)
	f.link("main", false)
	b.Until(tileWord("a/one") + ` === "Was ready" && document.querySelector("#part-trust").textContent.includes("The broker is gone.")`)
	b.Until(`document.title === "⚠ The broker is gone. · Tacet"`)
	if text := browsertest.Get[string](b, `document.body.innerText`); strings.Contains(text, "well") {
		t.Errorf("it says that something is well:\n%s", text)
	}
	b.Audit("without the broker")
	f.link("main", true)
	f.publish("a/one", "heartbeat", []byte("x"))
	b.Until(tileWord("a/one") + ` === "Ready" && document.title === "1 well · Tacet"`)
}

// The dashboard itself gone: the page greys everything and says so, with the age; when the dashboard
// is back, the page is too.
func TestDashboardGoneShows(t *testing.T) {
	f := newFake(t, known("a/one"))
	f.state("a/one")
	var hang, refuse atomic.Bool
	p := &Page{Source: f, Location: time.UTC}
	h := p.Handler()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case refuse.Load():
			http.Error(w, "down", http.StatusBadGateway)
		case r.URL.Path == "/live":
			h.ServeHTTP(muted{w, &hang}, r)
		default:
			h.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	b := browsertest.Open(t, s.URL+"/")
	b.Bear()
	well := tileWord("a/one") + ` === "Ready" && document.title === "1 well · Tacet" && document.querySelector("#lost").hidden &&
		!document.body.hasAttribute("data-lost")`
	gone := `!document.querySelector("#lost").hidden && document.title.startsWith("✕ No connection") &&
		/how it was at .*, \d+ s ago/.test(document.querySelector("#lost").textContent) &&
		getComputedStyle(document.querySelector("main")).filter === "grayscale(1)"`
	b.Until(well)
	refuse.Store(true)
	s.CloseClientConnections()
	b.Until(gone)
	b.Until(`document.querySelector("#said").textContent === "No connection to the dashboard."`)
	keep(t, "lost.png", b.Picture())
	f.state("a/one", alert("mic-missing")) // unseen
	f.state("a/one")
	refuse.Store(false)
	b.Until(well)

	// A dashboard that says nothing is gone too, although the connection stands.
	hang.Store(true)
	b.Until(gone)
	hang.Store(false)
	b.Until(well)
}

// muted loses what is written while it is mute.
type muted struct {
	http.ResponseWriter
	mute *atomic.Bool
}

func (m muted) Write(data []byte) (int, error) {
	if m.mute.Load() {
		return len(data), nil
	}
	return m.ResponseWriter.Write(data)
}

func (m muted) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// A hidden tab has no stream. Shown again, it is grey until it has heard.
func TestHiddenTabHasNoStream(t *testing.T) {
	f := newFake(t, known("a/one"))
	f.state("a/one")
	b := browsertest.Open(t, serve(t, &Page{Source: f}).URL+"/")
	b.Until(tileWord("a/one") + ` === "Ready" && document.querySelector("#said").textContent !== ""`)
	streams := func() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.changed) }
	if n := streams(); n != 1 {
		t.Errorf("a visible tab has %d streams", n)
	}
	hide := func(hidden bool) {
		browsertest.Get[any](b, fmt.Sprintf(`Object.defineProperty(document, "hidden", { value: %v, configurable: true });
			document.dispatchEvent(new Event("visibilitychange")); null`, hidden))
	}
	hide(true)
	for end := time.Now().Add(time.Minute); streams() != 0; f.pass(0) {
		if time.Now().After(end) {
			t.Fatal("a hidden tab keeps its stream")
		}
	}
	if !browsertest.Get[bool](b, `getComputedStyle(document.querySelector("main")).filter === "grayscale(1)"`) {
		t.Error("a hidden tab shows what may be old as if it were new")
	}
	f.state("a/one", alert("mic-missing"))
	hide(false)
	b.Until(tileWord("a/one") + ` === "Needs a hand" && getComputedStyle(document.querySelector("main")).filter === "none"`)
}

// Names, texts and topics from hostile rooms are text, and look like what they are.
func TestHostileRooms(t *testing.T) {
	const evil = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>` + "\x1b[2J\u202egnp\u0000"
	f := newFake(t, []practice.Known{{ID: roomID("a/one"), Name: "One " + evil}})
	f.state("a/one", func(s *topic.State) {
		s.Version, s.Config, s.UnitKey, s.Remedy, s.Recipients = evil, evil, evil, evil, evil
		s.Alerts = []string{"mic-missing", evil}
		s.Stores = map[string]topic.Store{evil: topic.Store(evil)}
	})
	f.publish("a/one", "alert/mic-missing", []byte(evil))
	f.publish("a/one/"+evil, "state", []byte("{}"))
	f.publish(evil+"/"+evil, "state", []byte(evil))
	f.happened("a/one", topic.Faulted, func(e *topic.Event) { e.Code, e.Store = evil, evil })
	f.happened("a/one", topic.Copied, func(e *topic.Event) { e.Store, e.Recording = evil, evil })
	_ = f.AddNote(t.Context(), roomID("a/one"), evil, evil)
	_ = f.AddClosure(t.Context(), practice.Closure{Site: "a", Room: "two", Why: evil, By: evil, Until: monday.Add(time.Hour)})
	s := serve(t, &Page{Source: f, Desk: f})
	b := browsertest.Open(t, s.URL+"/icon.svg")
	for _, path := range []string{"/", "/room/a/one", "/today", "/round", "/closed", "/log", "/?q=" +
		url.QueryEscape(evil)} {
		b.Visit(s.URL + path)
		b.Until(`document.querySelector("#said").textContent !== ""`)
		f.happened("a/one", topic.Faulted, func(e *topic.Event) { e.Code = evil })
		f.state("a/one", func(s *topic.State) { s.Version, s.Alerts = evil, []string{evil} })
		if title := browsertest.Get[string](b, `document.title`); title == "owned" {
			t.Errorf("%s: the title is %s", path, title)
		}
		if n := browsertest.Get[int](b, `document.querySelectorAll("img, script:not([src])").length`); n != 0 {
			t.Errorf("%s: %d elements came from a room", path, n)
		}
		if odd := browsertest.Get[string](b, `JSON.stringify((document.title + document.body.innerText).match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g))`); odd != "null" {
			t.Errorf("%s: it shows %s", path, odd)
		}
		// Even HTML in the page could do nothing.
		if ran := browsertest.Get[bool](b, `new Promise((done) => {
			const div = document.createElement("div");
			div.innerHTML = "<img src='/icon.svg' onload='document.body.dataset.owned=1'>";
			document.body.append(div);
			div.firstChild.addEventListener("load", () => done("owned" in document.body.dataset));
		})`); ran {
			t.Errorf("%s: an inline handler runs", path)
		}
		b.Bear() // it logs that its policy forbade that
	}
}

// Everything can be done by keyboard, and the focus is seen and stays where it is.
func TestKeyboard(t *testing.T) {
	f := morning(t)
	b := browsertest.Open(t, serve(t, &Page{Source: f, Desk: f}).URL+"/")
	b.Until(`document.querySelector("#said").textContent !== ""`)
	tab := func(to string) {
		t.Helper()
		for range 60 {
			b.Do(chromedp.KeyEvent(kb.Tab))
			if browsertest.Get[bool](b, `document.activeElement.matches(`+strconv.Quote(to)+`)`) {
				if !browsertest.Get[bool](b, `(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2)(getComputedStyle(document.activeElement))`) {
					t.Errorf("the focus on %s is invisible", to)
				}
				return
			}
		}
		t.Fatalf("the tab key never comes to %s", to)
	}
	tab(`.skip`)
	tab(`.tile a[href="/room/high-street/room-3"]`)
	f.state("high-street/room-3", alert("mic-fault"))
	f.state("high-street/room-1", alert("mic-missing"))
	b.Until(tileWord("high-street/room-1") + ` === "Needs a hand" && document.activeElement.matches('.tile a[href="/room/high-street/room-3"]')`)
	b.Do(chromedp.KeyEvent(kb.Enter))
	b.Until(`location.pathname === "/room/high-street/room-3" && document.querySelector("#said").textContent !== ""`)
	tab(`#note`)
	b.Do(chromedp.KeyEvent("Ask Friday"), chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Enter))
	b.Until(`document.querySelector(".notes")?.textContent.includes("Ask Friday")`)
}

// The morning round prints on one sheet, black on white, and only what one needs on the way.
func TestPrint(t *testing.T) {
	f := morning(t)
	b := browsertest.Open(t, serve(t, &Page{Source: f, Desk: f}).URL+"/round", browsertest.Colours("dark"))
	b.Until(`document.querySelector("#said").textContent !== ""`)
	pdf := b.Print()
	if pages := len(regexp.MustCompile(`/Type /Page\b[^s]`).FindAll(pdf, -1)); !bytes.HasPrefix(pdf, []byte("%PDF")) || pages > 2 {
		t.Errorf("it takes %d sheets", pages)
	}
	b.Do(browsertest.Medium("print"))
	text := browsertest.Get[string](b, `document.body.innerText`)
	for _, want := range []string{"Morning round", "Consulting room 3", "Microphone missing", "Plug the microphone in.", "New microphone ordered", "Printed from what the dashboard showed at 23 November 2026, 09:30:00"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing:\n%s", want, text)
		}
	}
	for _, unwanted := range []string{"Today", "Log", "Print it", "Closed\n"} {
		if strings.Contains(text, unwanted) {
			t.Errorf("%q is on it:\n%s", unwanted, text)
		}
	}
	if colour := browsertest.Get[string](b, `getComputedStyle(document.querySelector(".round-rooms .state")).color + getComputedStyle(document.body).backgroundColor`); colour != "rgb(0, 0, 0)rgb(255, 255, 255)" {
		t.Errorf("it prints in %s", colour)
	}
}

// The signs of the states differ in shape.
func TestStatesHaveShapes(t *testing.T) {
	b := browsertest.Open(t, serve(t, &Page{Source: morning(t)}).URL+"/")
	shapes := browsertest.Get[[]string](b, `[...document.querySelectorAll(".count .glyph")].map((g) => g.innerHTML)`)
	seen := map[string]bool{}
	for _, s := range shapes {
		seen[s] = true
	}
	if len(seen) != 8 {
		t.Errorf("%d states have %d signs", len(shapes), len(seen))
	}
}

// The pictures of the manual: TACET_PICTURES=../../../tacet writes them there.
func TestPictures(t *testing.T) {
	dir := needs.Variable(t, "TACET_PICTURES", "when the manual's pictures are made anew")
	f := morning(t)
	s := serve(t, &Page{Source: f, Desk: f})
	b := browsertest.Open(t, s.URL+"/", browsertest.Colours("light"))
	for _, picture := range []struct {
		name, path    string
		width, height int64
	}{{"dashboard.png", "/", 1280, 960}, {"dashboard-room.png", "/room/high-street/room-3", 1280, 1100},
		{"dashboard-phone.png", "/", 390, 844}} {
		b.Do(browsertest.Size(picture.width, picture.height))
		b.Visit(s.URL + picture.path)
		b.Until(`document.querySelector("#said").textContent !== ""`)
		if err := os.WriteFile(filepath.Join(dir, picture.name), small(t, b.Picture()), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// small makes a PNG smaller, with 256 colours.
func small(t *testing.T, data []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[color.Color]int{}
	for y := full.Bounds().Min.Y; y < full.Bounds().Max.Y; y++ {
		for x := full.Bounds().Min.X; x < full.Bounds().Max.X; x++ {
			seen[full.At(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(seen), func(a, b color.Color) int { return seen[b] - seen[a] })
	few := image.NewPaletted(full.Bounds(), all[:min(len(all), 256)])
	draw.Draw(few, few.Bounds(), full, full.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
