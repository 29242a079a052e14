package send

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

type request struct {
	path   string
	header http.Header
	body   string
}

func serve(t *testing.T, handle http.HandlerFunc) (*httptest.Server, *[]request) {
	t.Helper()
	var got []request
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, request{r.URL.Path, r.Header, string(body)})
		if handle != nil {
			handle(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s, &got
}

func text(s string) func() (string, error) { return func() (string, error) { return s, nil } }

func TestWebhooks(t *testing.T) {
	s, got := serve(t, nil)
	send := func(style Style, path string) request {
		t.Helper()
		h := NewHook(HookOptions{Name: "phone", Style: style, URL: text(s.URL + path), Token: text("tk"), Client: s.Client()})
		if err := h.Send(t.Context(), message()); err != nil {
			t.Fatal(err)
		}
		r := (*got)[len(*got)-1]
		if r.header.Get("Authorization") != "Bearer tk" || r.header.Get("Content-Type") != "application/json" ||
			r.header.Get("Idempotency-Key") != "ID2" {
			t.Errorf("%s: %v", style, r.header)
		}
		return r
	}
	plain := send(Plain, "/hook")
	if plain.path != "/hook" {
		t.Error(plain.path)
	}
	want := `{"v":1,"id":"ID2","thread":"ID1","kind":"alert","rule":"all","time":"2026-11-23T09:00:00Z","severity":"fault",` +
		`"subject":"Sprechzimmer 3 für \u003calle\u003e: not heard from","text":"Not heard from\n  Sprechzimmer 3, since 23 November, 09:00\n",` +
		`"link":"https://dash.example/rooms/a/b","problems":[{"site":"a","room":"b","name":"Sprechzimmer 3","code":"room-silent",` +
		`"severity":"note","title":"","since":"0001-01-01T00:00:00Z","over":false,"closed":false,"flaps":0}]}`
	if plain.body != want {
		t.Errorf("plain JSON:\n%s\nwant\n%s", plain.body, want)
	}
	slack := send(Slack, "/services/T/B/X")
	var body map[string]any
	if err := json.Unmarshal([]byte(slack.body), &body); err != nil || len(body) != 1 ||
		!strings.HasPrefix(body["text"].(string), "*Sprechzimmer 3 für &lt;alle&gt;: not heard from*\n") {
		t.Errorf("slack: %s", slack.body)
	}
	ntfy := send(Ntfy, "/sub/rooms")
	body = nil
	if err := json.Unmarshal([]byte(ntfy.body), &body); err != nil || ntfy.path != "/sub/" || body["topic"] != "rooms" ||
		body["priority"] != 4.0 || body["click"] != message().Link || body["sequence_id"] != "ID2" ||
		body["title"] != message().Subject {
		t.Errorf("ntfy: %s %s", ntfy.path, ntfy.body)
	}
	long := message()
	long.Text = strings.Repeat("ä", 100_000)
	for _, style := range []Style{Ntfy, Slack} {
		h := NewHook(HookOptions{Style: style, URL: text(s.URL + "/x"), Client: s.Client()})
		if err := h.Send(t.Context(), long); err != nil {
			t.Fatal(err)
		}
		if n := len((*got)[len(*got)-1].body); n > maxSlack+1000 || style == Ntfy && n > 4096 {
			t.Errorf("%s: a body of %d bytes", style, n)
		}
	}
}

// No error repeats the address, which is a secret with Slack and ntfy; each says what to do.
func TestWebhookErrors(t *testing.T) {
	elsewhere, reached := serve(t, nil)
	for _, c := range []struct {
		code    int
		advice  string
		refused bool
	}{
		{301, "redirects", false}, {307, "redirects", false}, {400, "style", true}, {401, "token", false},
		{403, "token", false}, {404, "new one", false}, {413, "style", true}, {429, "", false}, {500, "", false},
	} {
		s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(c.code)
		})
		h := NewHook(HookOptions{Name: "chat", Style: Slack, URL: text(s.URL + "/services/SECRET"), Client: s.Client()})
		err := h.Send(t.Context(), message())
		if err == nil || errors.Is(err, ErrRefused) != c.refused || !strings.Contains(Advice(err), c.advice) {
			t.Errorf("%d: %v; %s", c.code, err, Advice(err))
		}
		if err != nil && strings.Contains(err.Error()+Advice(err), "SECRET") {
			t.Errorf("the error has the address: %v", err)
		}
	}
	if len(*reached) > 0 {
		t.Error("a redirect was followed")
	}
	for _, address := range []string{
		"http://192.0.2.1/SECRET", "https://127.0.0.1:1/SECRET", "ftp://x/SECRET", "SECRET", "https://[SECRET",
		"http://localhost.evil.example/SECRET",
	} {
		h := NewHook(HookOptions{Name: "chat", Style: Plain, URL: text(address)})
		err := h.Send(t.Context(), message())
		if err == nil || Advice(err) == "" || strings.Contains(err.Error()+Advice(err), "SECRET") {
			t.Errorf("%s: %v; %s", address, err, Advice(err))
		}
	}
}

// An answer without an end is not read to its end; one that does not come is not waited for.
func TestHostileWebhook(t *testing.T) {
	gone := make(chan int, 1)
	s, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		written := 0
		for {
			n, err := w.Write(make([]byte, 1<<16))
			if written += n; err != nil || written > 1<<28 {
				gone <- written
				return
			}
		}
	})
	h := NewHook(HookOptions{Style: Plain, URL: text(s.URL), Client: s.Client()})
	if err := h.Send(t.Context(), message()); err != nil {
		t.Error(err)
	}
	if n := <-gone; n > 1<<28 {
		t.Error("the answer is read to its end")
	}

	ctx, cancel := context.WithCancel(t.Context())
	s, _ = serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if err := Ping(ctx, s.Client(), s.URL); err == nil {
		t.Error("a server that does not answer counts as reached")
	}
}

func TestPing(t *testing.T) {
	s, got := serve(t, nil)
	if err := Ping(t.Context(), s.Client(), s.URL+"/uuid"); err != nil || len(*got) != 1 || (*got)[0].path != "/uuid" {
		t.Errorf("%v, %+v", err, *got)
	}
}
