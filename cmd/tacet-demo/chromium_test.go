package main

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

type action = chromedp.Action[chromedp.Void]

// browser is a tab with the demo's page.
type browser struct {
	t   *testing.T
	ctx context.Context
}

// browse opens the page in Chromium, after the actions. Whatever the page throws, logs as an error
// or is forbidden by its policy fails the test.
func (d *running) browse(actions ...action) *browser {
	d.t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		d.t.Fatal("no chromium here: make test installs it")
	}
	allocator, stop := chromedp.NewExecAllocator(d.t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(d.t.TempDir()),
		chromedp.NoSandbox, // tests run as root, too
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "user-gesture-required"),
		chromedp.WSURLReadTimeout(patience),
	)...)
	tab, closeTab := chromedp.NewContext(allocator)
	b := &browser{d.t, tab}
	b.do() // starts it
	said := chromedp.Console(tab)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range said {
			if err == nil && (m.IsException() || m.Type == "error") {
				d.t.Errorf("the page says %s (%s)", m, m.URL)
			}
		}
	}()
	d.t.Cleanup(func() { chromedp.Cancel(tab); closeTab(); stop(); <-listened })
	b.do(append(actions, chromedp.Navigate(d.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#buttons button")))...)
	return b
}

func (b *browser) do(actions ...action) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	if chromedp.FromContext(b.ctx).Target == nil {
		ctx = b.ctx // the first call's context is the browser's life
	}
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// get evaluates an expression, or awaits what it promises.
func get[T any](b *browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, 2*patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

// until waits until an expression holds, looking at each frame. The page's own policy forbids to
// hand the expression over as text.
func (b *browser) until(expression string) {
	b.t.Helper()
	came := get[bool](b, fmt.Sprintf(`new Promise((done) => {
		const late = performance.now() + %d;
		const look = () => (%s) ? done(true) : performance.now() > late ? done(false) : requestAnimationFrame(look);
		look();
	})`, patience.Milliseconds(), expression))
	if !came {
		b.t.Fatalf("never seen: %s; the page says\n%s", expression, get[string](b, `document.body.innerText`))
	}
}

// still is a browser whose owner asked for no movement.
func still() action { return media("prefers-reduced-motion", "reduce") }

// colours is a browser whose owner asked for a light or a dark page.
func colours(scheme string) action { return media("prefers-color-scheme", scheme) }

func media(feature, value string) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}
