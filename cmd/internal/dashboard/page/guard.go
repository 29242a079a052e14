package page

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// policy lets the page load only its own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// maxBody is the largest form, in bytes.
const maxBody = 16 << 10

// guard answers only requests to the page's own address, from the page itself. Otherwise another
// page in the same browser could act for whoever is signed in, and a foreign name that resolves to
// this computer could read the answers.
func (p *Page) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if p.Encrypted {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch {
		case !p.Encrypted && !ownHost(r, p.Name):
			http.Error(w, "not a host of this page", http.StatusForbidden)
		case !p.ownOrigin(r):
			http.Error(w, "only this page itself may send that", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownHost reports whether the request names the loopback address at which it arrived. A page that
// speaks TLS doesn't need this: there the certificate proves the name.
func ownHost(r *http.Request, name string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	if name != "" && strings.EqualFold(host, name) {
		return true // a proxy on this computer, with a port of its own
	}
	if _, want, _ := net.SplitHostPort(local.String()); port != want {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// ownOrigin reports whether the request comes from the page itself, from the address bar, or from
// no browser at all. A link on another page may open a page, and nothing else.
func (p *Page) ownOrigin(r *http.Request) bool {
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		if origin == "" && site == "" {
			return false // every browser sends one of them with a form
		}
		if site != "" && site != "same-origin" {
			return false
		}
	}
	if origin != "" && origin != "http://"+r.Host && origin != "https://"+r.Host {
		return false
	}
	switch site {
	case "", "same-origin", "none":
		return true
	}
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document" && !strings.HasPrefix(r.URL.Path, "/api/")
}

// token makes the secret that each form carries, from the session that it is for.
type token [32]byte

func newToken() (t token) {
	rand.Read(t[:])
	return t
}

func (t token) of(session string) string {
	mac := hmac.New(sha256.New, t[:])
	mac.Write([]byte(session))
	return hex.EncodeToString(mac.Sum(nil))
}

func (t token) right(session, got string) bool { return hmac.Equal([]byte(t.of(session)), []byte(got)) }

func baseContext(ctx context.Context) func(net.Listener) context.Context {
	return func(net.Listener) context.Context { return ctx }
}
