//go:build linux

package storetest

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"
)

// S3Trait is what tells an S3 server from versitygw: it answers a request itself, or has next
// answer it. Several goroutines call it.
type S3Trait func(w http.ResponseWriter, r *http.Request, next http.Handler)

// StartS3Proxy makes another server of s: the address of one that has the trait.
func StartS3Proxy(t testing.TB, s *S3, trait S3Trait) (address string) {
	t.Helper()
	target, err := url.Parse(s.URL)
	must(t, err)
	next := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // which is signed
	}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { trait(w, r, next) }))
	t.Cleanup(server.Close)
	return server.URL
}
