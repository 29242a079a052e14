package page

import (
	"context"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestOnlyTheOwnHostAndOrigin(t *testing.T) {
	s := serve(t, both())
	own := strings.TrimPrefix(s.URL, "http://")
	_, port, _ := net.SplitHostPort(own)
	for _, c := range []struct {
		name    string
		headers []string
		want    int
	}{
		{"no browser", nil, 204},
		{"the page itself", []string{"Origin: " + s.URL, "Sec-Fetch-Site: same-origin"}, 204},
		{"localhost", []string{"Host: localhost:" + port}, 204},
		{"localhost's page", []string{"Host: localhost:" + port, "Origin: http://localhost:" + port}, 204},
		{"the other loopback address", []string{"Host: [::1]:" + port}, 204},
		{"another origin", []string{"Origin: http://evil.example"}, 403},
		{"another port", []string{"Origin: http://127.0.0.1:1"}, 403},
		{"another scheme", []string{"Origin: https://" + own}, 403},
		{"a sandboxed frame", []string{"Origin: null"}, 403},
		{"another site's form", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"a neighbour's form", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"a link elsewhere", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"},
			403},
		{"a foreign name", []string{"Host: evil.example:" + port}, 403},
		{"a foreign name without a port", []string{"Host: evil.example"}, 403},
		{"a foreign address", []string{"Host: 192.0.2.1:" + port}, 403},
		{"another port's host", []string{"Host: 127.0.0.1:1"}, 403},
		{"a host without its port", []string{"Host: 127.0.0.1"}, 403},
	} {
		if code, _, _ := s.ask("POST", "/panel/power-cut", c.headers...); code != c.want {
			t.Errorf("%s: answer %d, want %d", c.name, code, c.want)
		}
		want := c.want
		if want == 204 {
			want = 200
		}
		for _, path := range []string{"/panel", "/recordings/"} {
			if code, _, _ := s.ask("GET", path, c.headers...); code != want {
				t.Errorf("%s: GET %s: answer %d, want %d", c.name, path, code, want)
			}
		}
	}
	if code, _, _ := s.ask("GET", "/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Dest: document"); code != 200 {
		t.Errorf("a link can't open the page: answer %d", code)
	}
	if code, _, _ := s.ask("GET", "/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate",
		"Sec-Fetch-Dest: iframe"); code != 403 {
		t.Errorf("a frame elsewhere may show the page: answer %d", code)
	}
}

// A listener on all addresses can be reached at each of them, and under no other address.
func TestTheHostIsTheAddressOfTheConnection(t *testing.T) {
	for _, c := range []struct {
		local, name, host string
		want              bool
	}{
		{"192.0.2.7:8080", "", "192.0.2.7:8080", true},
		{"192.0.2.7:8080", "", "192.0.2.8:8080", false},
		{"192.0.2.7:8080", "", "127.0.0.1:8080", false},
		{"192.0.2.7:8080", "", "localhost:8080", false},
		{"192.0.2.7:8080", "", "demo.lan:8080", false},
		{"192.0.2.7:8080", "demo.lan", "Demo.lan:8080", true},
		{"192.0.2.7:80", "", "192.0.2.7", true},
		{"[::ffff:127.0.0.1]:8080", "", "127.0.0.1:8080", true},
		{"[::1]:80", "", "[::1]", true},
		{"127.0.0.1:8080", "", "LocalHost:8080", true},
		{"127.0.0.1:8080", "", "localhost.evil.example:8080", false},
		{"127.0.0.1:8080", "", "", false},
	} {
		local, err := net.ResolveTCPAddr("tcp", c.local)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/panel", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local)))
		r.Host = c.host
		if got := ownHost(r, c.name); got != c.want {
			t.Errorf("host %q at %s, with the name %q: %v", c.host, c.local, c.name, got)
		}
	}
	if ownHost(httptest.NewRequest("GET", "/", nil), "example.com") {
		t.Error("a request from nowhere was let in")
	}
}

func TestEveryAnswerIsFencedIn(t *testing.T) {
	s := serve(t, both())
	for _, path := range []string{"/", "/page.js", "/page.css", "/icon.svg", "/panel", "/recordings/",
		"/recordings/recordings.js", "/nothing"} {
		_, h, _ := s.ask("GET", path)
		csp := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'; script-src 'self';") || strings.Contains(csp, "unsafe") ||
			strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, h)
		}
		if h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins are let in", path)
		}
	}
}

// The page needs no other server, and only what its policy allows.
func TestThePageNeedsNobodyElse(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(https?:)?//[a-z0-9.-]+\.[a-z]`)
	inline := regexp.MustCompile(`(?i)<style|<script(?:>|[^>]*[^>]>[^<])|\son[a-z]+=|\sstyle=|javascript:|innerHTML|eval\(`)
	err := fs.WalkDir(web, "web", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := fs.ReadFile(web, path)
		if err != nil {
			return err
		}
		own := strings.ReplaceAll(string(text), `xmlns="http://www.w3.org/2000/svg"`, "")
		if found := outside.FindString(own); found != "" {
			t.Errorf("%s: an outside address: %s", path, found)
		}
		if found := inline.FindString(own); found != "" {
			t.Errorf("%s: the policy forbids %s", path, found)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
