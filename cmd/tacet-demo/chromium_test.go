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

// browse runs the actions and opens the page in Chromium. The test fails if the page throws, logs
// an error, or breaks its own policy.
func (d *running) browse(actions ...action) *browser {
	d.t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		d.t.Fatal("no chromium here: make test installs it")
	}
	allocator, stop := chromedp.NewExecAllocator(d.t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(d.t.TempDir()),
		chromedp.NoSandbox, // tests also run as root
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("autoplay-policy", "user-gesture-required"),
		chromedp.WSURLReadTimeout(patience),
	)...)
	tab, closeTab := chromedp.NewContext(allocator)
	b := &browser{d.t, tab}
	b.do() // starts it
	messages := chromedp.Console(tab)
	listened := make(chan struct{})
	go func() {
		defer close(listened)
		for m, err := range messages {
			if err == nil && (m.IsException() || m.Type == "error") {
				d.t.Errorf("the page logs %s (%s)", m, m.URL)
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
		ctx = b.ctx // the browser lives as long as the first call's context
	}
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// get evaluates an expression, and awaits it if it is a promise.
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

// until waits until an expression is true, and evaluates it at each frame. It can't be passed as
// text: the page's policy forbids that.
func (b *browser) until(expression string) {
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

// still asks for reduced motion.
func still() action { return media("prefers-reduced-motion", "reduce") }

// colours asks for a light or a dark page.
func colours(scheme string) action { return media("prefers-color-scheme", scheme) }

func media(feature, value string) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: feature, Value: value}},
		})
		return err
	})
}
