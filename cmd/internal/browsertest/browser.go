// Package browsertest looks at our pages with a real Chromium, in tests.
//
//	b := browsertest.Open(t, url, browsertest.Colours("dark"))
//	b.Until(`document.title === "2 need a hand"`)
//	b.Audit("with two faults") // axe-core finds nothing serious
package browsertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"tacet/systemd/needs"
)

// Action is something that a browser can do.
type Action = chromedp.Action[chromedp.Void]

// patience is how long a test waits for what must come.
const patience = time.Minute

// Browser is a tab.
type Browser struct {
	t   testing.TB
	ctx context.Context

	mu     sync.Mutex
	logged []string // errors that the page logged, or what broke its policy
	bears  bool     // the test looks at the errors itself
}

// Open runs the actions and opens a page in Chromium. The test fails if the page throws, logs an
// error or breaks its own policy.
func Open(t testing.TB, url string, actions ...Action) *Browser {
	t.Helper()
	allocator, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(needs.Program(t, "chromium", "chromium")),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox, // tests also run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("ignore-certificate-errors", true), // a test makes its own
		chromedp.WSURLReadTimeout(patience),
	)...)
	tab, closeTab := chromedp.NewContext(allocator)
	b := &Browser{t: t, ctx: tab}
	b.Do() // starts it
	messages := chromedp.Console(tab)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err == nil && (m.IsException() || m.Type == "error") {
				b.mu.Lock()
				b.logged = append(b.logged, fmt.Sprintf("%s (%s)", m, m.URL))
				b.mu.Unlock()
			}
		}
	}()
	t.Cleanup(func() {
		chromedp.Cancel(tab)
		closeTab()
		stop()
		<-listened
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, m := range b.logged {
			if !b.bears {
				t.Errorf("the page logs %s", m)
			}
		}
	})
	b.Do(append(actions, chromedp.Navigate(url))...)
	return b
}

// Bear makes errors that the page logs no failure: a browser logs each connection that it loses.
func (b *Browser) Bear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bears = true
}

// Visit opens another page.
func (b *Browser) Visit(url string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(url))
}

// Do runs actions.
func (b *Browser) Do(actions ...Action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	if chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx // the browser lives as long as the first call's context
	}
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// Get evaluates an expression, and awaits it if it is a promise.
func Get[T any](b *Browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// Until waits until an expression is true. It looks between two frames, or while the page is hidden
// a few times a second.
func (b *Browser) Until(expression string) {
	b.t.Helper()
	end := time.Now().Add(patience)
	for {
		// A page may load another one meanwhile, which ends what is evaluated in it.
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		came, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(`new Promise((done) => {
			const late = performance.now() + 5000;
			const look = () => {
				let is = false;
				try { is = !!(%s); } catch {}
				is ? done(true) : performance.now() > late ? done(false) : setTimeout(look, 20);
			};
			look();
		})`, expression), chromedp.EvalAwaitPromise))
		cancel()
		if err == nil && came {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("never true: %s (%v); the page %s shows\n%s", expression, err, Get[string](b, `location.href`),
				Get[string](b, `document.body.innerText`))
		}
	}
}

// Still asks for reduced motion.
func Still() Action { return media("prefers-reduced-motion", "reduce") }

// Colours asks for a light or a dark page.
func Colours(scheme string) Action { return media("prefers-color-scheme", scheme) }

// Size sets the size of the window, in pixels.
func Size(width, height int64) Action { return chromedp.EmulateViewport(width, height) }

func media(feature, value string) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}

// Medium shows the page as on a screen or on paper.
func Medium(name string) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: name})
		return err
	})
}

// Print returns the page on A4 paper, as a PDF.
func (b *Browser) Print() (pdf []byte) {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69}) // inches
		pdf = []byte(got.Data)
		return err
	}))
	return pdf
}

// Picture returns a picture of the window, as a PNG.
func (b *Browser) Picture() (png []byte) {
	b.t.Helper()
	b.Do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		got, err := cdp.Call(ctx, t, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: "png"})
		png = []byte(got.Data)
		return err
	}))
	return png
}

// Axe loads axe-core into the page. Call it after each load.
func (b *Browser) Axe() {
	b.t.Helper()
	found, _ := filepath.Glob(filepath.Join(os.Getenv("TACET_TOOLS"), "axe-core@*.js"))
	if len(found) == 0 {
		b.t.Fatal("no axe-core in $TACET_TOOLS: make test installs it")
	}
	axe, err := os.ReadFile(found[len(found)-1])
	if err != nil {
		b.t.Fatal(err)
	}
	Get[any](b, string(axe)+`; null`)
}

// Audit runs axe on the page at the width of a phone and of a desk's screen, in light and dark.
// Nothing serious may be found, and nothing may be too wide.
func (b *Browser) Audit(when string) {
	b.t.Helper()
	b.Axe()
	for _, width := range []int64{320, 390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			b.Do(Size(width, 800), Colours(scheme))
			if over := Get[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				b.t.Errorf("%s: %d pixels wide, the page is %d too wide", when, width, over)
			}
			violations := Get[[]struct {
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
