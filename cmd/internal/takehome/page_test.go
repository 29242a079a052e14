package takehome_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"tacet/cmd/internal/takehome"
	"tacet/daemon/recording/excerpt"
	"tacet/systemd/needs"
)

// patience is how long the browser may take for anything.
const patience = time.Minute

type action = chromedp.Action[chromedp.Void]

// tab is a tab of Chromium, with a profile of its own and without network.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func browse(t *testing.T) *tab {
	t.Helper()
	path := needs.Program(t, "chromium", "chromium")
	allocator, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // tests also run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "user-gesture-required"),
		chromedp.Flag("proxy-server", "127.0.0.1:1"),
		chromedp.WSURLReadTimeout(patience),
	)...)
	ctx, closeTab := chromedp.NewContext(allocator)
	b := &tab{t, ctx}
	if err := chromedp.Do(ctx); err != nil { // starts it
		t.Fatal(err)
	}
	messages := chromedp.Console(ctx)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err == nil && (m.IsException() || m.Type == "error") {
				t.Errorf("the page logs %s (%s)", m, m.URL)
			}
		}
	}()
	t.Cleanup(func() { chromedp.Cancel(ctx); closeTab(); stop(); <-listened })
	return b
}

func (b *tab) do(actions ...action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// get evaluates an expression, and awaits it if it is a promise.
func get[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until an expression is true.
func (b *tab) until(expression string) {
	b.t.Helper()
	came := get[bool](b, fmt.Sprintf(`new Promise((done) => {
		const late = performance.now() + %d;
		const look = () => (%s) ? done(true) : performance.now() > late ? done(false) : requestAnimationFrame(look);
		look();
	})`, patience.Milliseconds(), expression))
	if !came {
		b.t.Fatalf("never true: %s; the page shows\n%s", expression, get[string](b, `document.body.innerText`))
	}
}

// page writes the page, alone in a folder or beside the other files.
func page(t *testing.T, alone bool) string {
	t.Helper()
	k := take(t, excerpt.Part{})
	sound, err := os.Open(k.path("visit.m4a"))
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	if alone {
		k.dir = t.TempDir()
	}
	k.write(t, takehome.PageName, func(w io.Writer) error { return k.about.Page(w, sound) })
	return "file://" + k.path(takehome.PageName)
}

const audioElement = `document.querySelector("#audio")`

// TestPagePlays: the page plays by itself, without network and without the files beside it.
func TestPagePlays(t *testing.T) {
	b := browse(t)
	b.do(chromedp.Navigate(page(t, true)), chromedp.WaitVisible(chromedp.CSS("#play")))
	b.until(audioElement + `.readyState >= 2`)
	const long = float64(samples) / 48000
	if got := get[float64](b, audioElement+`.duration`); got < long-0.001 || got > long+0.021 {
		t.Errorf("it says that it is %f s long, not %f", got, long)
	}
	b.do(chromedp.Click(chromedp.CSS("#play")))
	b.until(audioElement + `.currentTime > 0.3 && document.querySelector("#word").textContent === "Stop"`)
	b.do(chromedp.Click(chromedp.CSS("#slower")), chromedp.Click(chromedp.CSS("#louder")))
	b.until(audioElement + `.playbackRate === 0.75 && ` + audioElement + `.currentTime > 1`)
	b.do(chromedp.Click(chromedp.CSS("#play")))
	b.until(audioElement + `.paused && document.querySelector("#word").textContent === "Play"`)
	b.do(chromedp.Click(chromedp.CSS("#back")))
	b.until(audioElement + `.currentTime === 0`)
	b.do(chromedp.Click(chromedp.CSS("#on")))
	b.until(audioElement + `.ended || ` + audioElement + `.currentTime > 7`)
	got := get[int](b, `performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("blob:")).length`)
	if got != 0 {
		t.Errorf("the page loads %d things", got)
	}
}

// Each step works with the keyboard alone.
func TestPageByKeyboard(t *testing.T) {
	b := browse(t)
	b.do(chromedp.Navigate(page(t, true)), chromedp.WaitVisible(chromedp.CSS("#play")))
	b.until(audioElement + `.readyState >= 2`)
	b.do(chromedp.KeyEvent("\t"))
	b.until(`document.activeElement.id === "play"`)
	b.do(chromedp.KeyEvent("\r"))
	b.until(audioElement + `.currentTime > 0.2`)
	for _, id := range []string{"place", "back", "on", "slower"} {
		b.do(chromedp.KeyEvent("\t"))
		b.until(`document.activeElement.id === "` + id + `"`)
	}
	b.do(chromedp.KeyEvent(" "))
	b.until(audioElement + `.playbackRate === 0.75`)
}

// Without scripts everything can be read, and the file beside the page plays.
func TestPageWithoutScripts(t *testing.T) {
	b := browse(t)
	b.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled,
			emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}), chromedp.Navigate(page(t, false)), chromedp.WaitVisible(chromedp.CSS("#audio")))
	text := get[string](b, `document.body.innerText`)
	for _, want := range []string{"The recording of your visit", "21 November 2026", "room-3", `Your "own" <record> & more`,
		"visit.caf", "tacet verify", "tacet/high-street/room-3+"} {
		if !strings.Contains(text, want) {
			t.Errorf("it doesn't say %q: %s", want, text)
		}
	}
	if strings.Contains(text, "Slower") {
		t.Error("it shows buttons that do nothing")
	}
	get[any](b, audioElement+`.preload = "auto"; `+audioElement+`.load(); null`)
	late := time.Now().Add(patience) // the page runs nothing that could wait
	for get[int](b, audioElement+`.readyState`) < 2 {
		if time.Now().After(late) {
			t.Fatalf("the file beside it doesn't load: error %s", get[string](b, `String(`+audioElement+`.error?.message)`))
		}
	}
}

// TestPageAccessible: nothing serious for axe, and no line is wider than a phone.
func TestPageAccessible(t *testing.T) {
	found, _ := filepath.Glob(filepath.Join(os.Getenv("TACET_TOOLS"), "axe-core@*.js"))
	if len(found) == 0 {
		needs.Installed(t, "axe-core in TACET_TOOLS", os.ErrNotExist)
		return
	}
	axe, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	b := browse(t)
	b.do(chromedp.Navigate(page(t, true)), chromedp.WaitVisible(chromedp.CSS("#play")))
	get[any](b, string(axe)+`; null`)
	for _, width := range []int64{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.do(chromedp.EmulateViewport(width, 800), chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
				_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
				return err
			}))
			if over := get[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				t.Errorf("%d pixels wide, the page is %d too wide", width, over)
			}
			for _, v := range get[[]struct{ ID, Impact, Help string }](b, `axe.run().then(r => r.violations)`) {
				if v.Impact == "serious" || v.Impact == "critical" {
					t.Errorf("%d wide, %s: %s: %s", width, scheme, v.ID, v.Help)
				}
			}
		}
	}
}

// TestPolicy: nothing but the page's own script may run, and nothing be loaded from elsewhere.
func TestPolicy(t *testing.T) {
	file := strings.TrimPrefix(page(t, true), "file://")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	policy := regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindSubmatch(text)
	if policy == nil || !strings.HasPrefix(string(policy[1]), "default-src &#39;none&#39;;") ||
		strings.Contains(string(policy[1]), "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	if n := strings.Count(string(text), "<script"); n != 2 {
		t.Errorf("%d scripts", n)
	}
	if strings.Contains(string(text), "<record>") {
		t.Error("the purpose is taken for HTML")
	}
}
