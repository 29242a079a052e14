//go:build linux

package storetest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// S3Trait makes an S3 server differ from versitygw: it answers a request itself, or calls next.
// Several goroutines call it.
type S3Trait func(w http.ResponseWriter, r *http.Request, next http.Handler)

// StartS3Proxy starts a server in front of s that has the trait, and returns its address.
func StartS3Proxy(t testing.TB, s *S3, trait S3Trait) (address string) {
	t.Helper()
	target, err := url.Parse(s.URL)
	must(t, err)
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { trait(w, r, next) }))
	t.Cleanup(server.Close)
	return server.URL
}
