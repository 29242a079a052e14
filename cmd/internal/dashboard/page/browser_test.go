package page

import (
	"os"
	"path/filepath"
	"testing"

	"tacet/cmd/internal/browsertest"
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
	for name, path := range map[string]string{"rooms": "/", "room": "/room/high-street/room-3", "today": "/today", "round": "/round",
		"closed": "/closed", "log": "/log"} {
		b := browsertest.Open(t, s.URL+path)
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
