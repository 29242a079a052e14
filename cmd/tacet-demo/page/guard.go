package page

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// policy lets the page load only its own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard answers only requests to the page's own address, from the page's own scripts. Otherwise
// another page in the same browser could press the buttons, and a foreign name that resolves to
// this machine could read the answers.
func guard(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		switch {
		case !ownHost(r, name):
			http.Error(w, "not a host of this page", http.StatusForbidden)
		case !ownOrigin(r):
			http.Error(w, "only this page's own scripts may send requests", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownHost reports whether the request names the address at which it arrived. That works for a
// listener on all addresses too.
func ownHost(r *http.Request, name string) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	host, port, err := net.SplitHostPort(r.Host)
	if err != nil {
		host, port = strings.Trim(r.Host, "[]"), "80"
	}
	if _, want, _ := net.SplitHostPort(local.String()); port != want {
		return false
	}
	if name != "" && strings.EqualFold(host, name) {
		return true
	}
	loopback := at.Addr().Unmap().IsLoopback()
	if strings.EqualFold(host, "localhost") {
		return loopback
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.Unmap() == at.Addr().Unmap() || loopback && ip.Unmap().IsLoopback())
}

// ownOrigin reports whether the request comes from the page itself, from the address bar, or from
// no browser at all. A link on another page may open the page, and nothing else.
func ownOrigin(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.URL.Path == "/" && r.Header.Get("Sec-Fetch-Mode") == "navigate" &&
		r.Header.Get("Sec-Fetch-Dest") == "document"
}
